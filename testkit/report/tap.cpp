// SPDX-License-Identifier: BSD-3-Clause
#include "report/tap.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace testkit {

namespace {

// A string of JSON is one of YAML, and on one line, whatever is in it.
std::string quoted(const std::string& text) {
  return nlohmann::json(text).dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
}

// Of a test point: one line, in which # begins a directive.
std::string description(const std::string& text) {
  std::string out;
  for (const char c : visible(text)) {
    if (c == '#' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

// A literal block, since Perl's harness knows no more of YAML.
void add_lines(std::string& out, const char* key, const std::vector<std::string>& lines) {
  if (lines.empty()) return;
  out += fmt::format("  {}: |\n", key);
  for (const std::string& line : lines) {
    const std::string text = visible(line);
    // The first line's indentation would be taken for that of all.
    out += fmt::format("    {}\n", text.substr(std::min(text.find_first_not_of(' '), text.size())));
  }
}

std::string diagnostics(const RunReport& report, const Job& job, const CellResult& result) {
  const double ms = std::chrono::duration<double, std::milli>(result.took).count();
  std::string out = fmt::format("  ---\n  duration_ms: {:.3f}\n", ms);
  const Action* fault = nullptr;
  std::vector<std::string> actions, details;
  for (const Action& action : result.actions) {
    actions.push_back((action.passed ? "ok: " : "not ok: ") + one_line(action));
    if (action.passed) continue;
    if (fault == nullptr) fault = &action;
    details.insert(details.end(), action.details.begin(), action.details.end());
  }
  if (fault != nullptr) {
    out += fmt::format("  message: {}\n  severity: fail\n  wanted: {}\n  found: {}\n",
                       quoted(one_line(*fault)), quoted(fault->expected), quoted(fault->happened));
    out += fmt::format("  at:\n    file: {}\n    cell: {}\n  seed: {}\n  again: {}\n",
                       quoted(job.file->path), job.cell->number, report.seed,
                       quoted(command_to_repeat(report, job)));
    add_lines(out, "actions", actions);
    add_lines(out, "output", details);
    add_lines(out, "wire", wire_lines(result, kReportedWireLines));
  }
  return out + "  ...\n";
}

}  // namespace

std::string tap_report(const RunReport& report) {
  std::string out = fmt::format("TAP version 14\n1..{}\n", report.jobs.size());
  for (size_t i = 0; i < report.jobs.size(); ++i) {
    const Job& job = report.jobs[i];
    const CellResult& result = report.results[i];
    const bool known = failed_as_known(job, result);
    const bool bad = known || result.verdict == Verdict::failed;
    out += fmt::format("{}ok {} - {}", bad ? "not " : "", i + 1,
                       description(fmt::format("{} [{}]", job.file->id, job.cell->label)));
    if (known) out += " # TODO " + description(job.cell->scenario.known_issue);
    if (result.verdict == Verdict::skipped) {
      out += " # SKIP " + description(result.skip_reason) + "\n";
      continue;
    }
    out += "\n" + diagnostics(report, job, result);
  }
  return out + fmt::format("# seed {}\n", report.seed);
}

}  // namespace testkit
