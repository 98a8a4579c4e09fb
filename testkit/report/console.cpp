// SPDX-License-Identifier: BSD-3-Clause
#include "report/console.hpp"

#include <fmt/format.h>

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
const std::string kIndent = "      ";

std::string headline(const RunReport& report, const Job& job, const CellResult& result,
                     bool colour) {
  const auto [word, start] = look(result.verdict);
  std::string out = fmt::format("{}{}{}  {} [{}]   ", colour ? start : "", word,
                                colour ? kPlain : "", job.file->id, job.cell->label);
  out += result.verdict == Verdict::skipped ? result.skip_reason : show_time(result.took);
  if (result.verdict == Verdict::failed) out += fmt::format("   seed {}", report.seed);
  return out + "\n";
}

std::string action_line(const Action& action, bool colour) {
  if (action.passed && action.happened == action.expected) {
    return fmt::format("{}: {} ({})", action.what, action.happened, show_time(action.took));
  }
  return fmt::format("{}: expected {}, {} {} ({})", action.what, action.expected,
                     colour && !action.passed ? "\033[31mgot\033[0m" : "got", action.happened,
                     show_time(action.took));
}

}  // namespace

std::string console_block(const RunReport& report, const Job& job, const CellResult& result,
                          BlockStyle style) {
  std::string out = headline(report, job, result, style.colour);
  for (const Action& action : result.actions) {
    const bool is_server = action.what.starts_with("server ");
    if (style.faults_only && action.passed && !is_server) continue;
    out += kIndent + action_line(action, style.colour) + "\n";
    for (const std::string& line : action.details) out += fmt::format("{}  {}\n", kIndent, line);
  }
  if (result.verdict == Verdict::failed) {
    out += fmt::format("{}again {}\n", kIndent, command_to_repeat(report, job));
  }
  return out;
}

void Console::print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), out_);
  std::fflush(out_);
}

void Console::start(size_t scenarios) {
  done_.assign(report_.jobs.size(), false);
  print(fmt::format("{} scenarios, {} cells, seed {}, server {}\n", scenarios, report_.jobs.size(),
                    report_.seed, report_.nbdkit));
}

void Console::cell_done(size_t index) {
  done_[index] = true;
  for (; printed_ < done_.size() && done_[printed_]; ++printed_) print_cell(printed_);
}

void Console::print_cell(size_t index) {
  const Job& job = report_.jobs[index];
  const CellResult& result = report_.results[index];
  if (style_.quiet && result.verdict != Verdict::failed) return;
  std::string text;
  const bool first_of_file = index == 0 || report_.jobs[index - 1].file != job.file;
  if (first_of_file && !style_.quiet)
    text = fmt::format("\n{}: {}\n", job.file->name, job.file->why);
  print(text +
        console_block(report_, job, result, {style_.colour, result.verdict == Verdict::failed}));
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
