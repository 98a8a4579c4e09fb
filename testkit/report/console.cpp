// SPDX-License-Identifier: BSD-3-Clause
#include "report/console.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "run/text-check.hpp"

namespace testkit {

namespace {

struct VerdictLook {
  const char* word;
  const char* colour;
};

VerdictLook look(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed: return {"PASS", "\033[32m"};
    case Verdict::failed: return {"FAIL", "\033[31;1m"};
    case Verdict::skipped: break;
  }
  return {"SKIP", "\033[33m"};
}

constexpr const char* kPlain = "\033[0m";
constexpr const char* kIndent = "      ";

// Of a failure: what does not fit is in the other reports.
constexpr size_t kShownWireLines = 3, kShownDetails = 2, kShownFaults = 2;

std::string coloured(std::string_view text, const char* start, bool colour) {
  return colour ? fmt::format("{}{}{}", start, text, kPlain) : std::string(text);
}

std::string headline(const RunReport& report, const Job& job, const CellResult& result,
                     bool colour) {
  const auto [word, start] = look(result.verdict);
  std::string out = fmt::format("{}  {} [{}]   ", coloured(word, start, colour), job.file->id,
                                visible(job.cell->label));
  out += result.verdict == Verdict::skipped ? result.skip_reason : show_time(result.took);
  if (result.verdict == Verdict::failed) out += fmt::format("   seed {}", report.seed);
  return out + "\n";
}

std::string action_line(const Action& action, bool colour) {
  const std::string what = visible(action.what), happened = visible(action.happened);
  const std::string took = show_time(action.took);
  if (action.passed && action.happened == action.expected) {
    return fmt::format("{}{}: {} ({})\n", kIndent, what, happened, took);
  }
  return fmt::format("{}{}: expected {}, {} {} ({})\n", kIndent, what, visible(action.expected),
                     coloured("got", look(Verdict::failed).colour, colour && !action.passed),
                     happened, took);
}

std::string again_line(const RunReport& report, const Job& job) {
  return fmt::format("{}again {}\n", kIndent, command_to_repeat(report, job));
}

}  // namespace

std::string cell_block(const RunReport& report, const Job& job, const CellResult& result,
                       bool colour) {
  std::string out = headline(report, job, result, colour);
  for (const Action& action : result.actions) {
    out += action_line(action, colour);
    for (const std::string& line : action.details)
      out += fmt::format("{}  {}\n", kIndent, visible(line));
  }
  return result.verdict == Verdict::failed ? out + again_line(report, job) : out;
}

std::string failure_block(const RunReport& report, const Job& job, const CellResult& result,
                          bool colour) {
  std::string out = headline(report, job, result, colour);
  size_t faults = 0;
  for (const Action& action : result.actions) {
    if (action.passed || ++faults > kShownFaults) continue;
    out += action_line(action, colour);
    const size_t count = action.details.size();
    for (size_t i = count - std::min(count, kShownDetails); i < count; ++i) {
      out += fmt::format("{}  {}\n", kIndent, visible(action.details[i]));
    }
  }
  for (const std::string& line : wire_lines(result, kShownWireLines)) {
    const bool fault = line.find("<- fault") != std::string::npos;
    const std::string text =
        coloured(visible(line), look(Verdict::skipped).colour, colour && fault);
    out += fmt::format("{}wire {}\n", kIndent, text);
  }
  return out + again_line(report, job);
}

void Console::print(const std::string& text) {
  progress_.erase();
  std::fwrite(text.data(), 1, text.size(), out_);
  std::fflush(out_);
}

void Console::start(size_t scenarios) {
  done_.assign(report_.jobs.size(), false);
  print(fmt::format("{} scenarios, {} cells, seed {}, server {}\n", scenarios, report_.jobs.size(),
                    report_.seed, report_.nbdkit));
  progress_.start(report_.jobs.size());
}

void Console::cell_done(size_t index) {
  done_[index] = true;
  for (; printed_ < done_.size() && done_[printed_]; ++printed_) print_cell(printed_);
  progress_.cell_done(report_.results[index].verdict == Verdict::failed);
}

void Console::print_cell(size_t index) {
  const Job& job = report_.jobs[index];
  const CellResult& result = report_.results[index];
  if (style_.quiet && result.verdict != Verdict::failed) return;
  std::string text;
  const bool first_of_file = index == 0 || report_.jobs[index - 1].file != job.file;
  if (first_of_file && !style_.quiet)
    text = fmt::format("\n{}: {}\n", job.file->name, job.file->why);
  const auto block = result.verdict == Verdict::failed ? failure_block : cell_block;
  print(text + block(report_, job, result, style_.colour));
}

void Console::finish(const std::vector<std::string>& written_reports) {
  const RunReport::Totals totals = report_.totals();
  std::string text = "\n";
  for (const std::string& path : written_reports) text += fmt::format("report {}\n", path);
  text += fmt::format("seed {}, {}\n", report_.seed, show_time(report_.took));
  text += fmt::format("{} passed, {} failed, {} skipped\n", totals.passed, totals.failed,
                      totals.skipped);
  print(text);
}

}  // namespace testkit
