// SPDX-License-Identifier: BSD-3-Clause
#include "report/report.hpp"

#include <fmt/format.h>

#include "base/process.hpp"
#include "run/text-check.hpp"

namespace testkit {

RunReport::Totals RunReport::totals() const {
  Totals totals;
  for (const CellResult& result : results) {
    switch (result.verdict) {
      case Verdict::passed: ++totals.passed; break;
      case Verdict::failed: ++totals.failed; break;
      case Verdict::skipped: ++totals.skipped; break;
    }
  }
  return totals;
}

std::string command_to_repeat(const RunReport& report, const Job& job) {
  std::string out = fmt::format("testkit run {} --cell {} --seed {}",
                                nbd::shell_quote(job.file->path), job.cell->number, report.seed);
  if (report.nbdkit_was_given) out += " --nbdkit " + nbd::shell_quote(report.nbdkit);
  return out;
}

std::string one_line(const Action& action) {
  return fmt::format("{}: expected {}, got {} ({})", action.what, action.expected, action.happened,
                     show_time(action.took));
}

std::string first_fault(const CellResult& result) {
  for (const Action& action : result.actions) {
    if (!action.passed) return one_line(action);
  }
  return "";
}

}  // namespace testkit
