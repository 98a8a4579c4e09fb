// SPDX-License-Identifier: BSD-3-Clause
#include "run/cell.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <sstream>
#include <string_view>

#include <fmt/format.h>

#include "run/kernel.hpp"
#include "run/programs.hpp"
#include "run/round.hpp"

namespace testkit {

namespace {

// A skip says what to install.
std::string package_of(const std::string& program) {
  struct Row {
    std::string_view program, package;
  };
  static constexpr std::array kRows{
      Row{"qemu-img", "qemu-utils"},   Row{"qemu-io", "qemu-utils"},
      Row{"qemu-nbd", "qemu-utils"},   Row{"nbdcopy", "libnbd-bin"},
      Row{"nbdinfo", "libnbd-bin"},    Row{"nbdsh", "python3-libnbd"},
      Row{"nbdfuse", "nbdfuse"},       Row{"nbd-client", "nbd-client"},
      Row{"nbd-server", "nbd-server"}, Row{"fio", "fio"}};
  const auto row =
      std::find_if(kRows.begin(), kRows.end(), [&](const Row& r) { return r.program == program; });
  return row == kRows.end() ? "" : fmt::format(" (Debian package {})", row->package);
}

std::string show(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : " ") + word;
  return out.size() > 200 ? out.substr(0, 200) + "..." : out;
}

// The first difference between two rounds; empty if there is none.
std::string find_difference(const std::vector<Observation>& same,
                            const std::vector<Observed>& first,
                            const std::vector<Observed>& other) {
  const auto differ = [](const char* what, size_t client, const std::string& a,
                         const std::string& b) {
    return a == b ? ""
                  : fmt::format("{} of client {} was \"{}\", then \"{}\"", what, client + 1, a, b);
  };
  std::string found;
  for (size_t i = 0; i < std::min(first.size(), other.size()); ++i) {
    for (const Observation observation : same) {
      if (!found.empty()) return found;
      switch (observation) {
        case Observation::exit: found = differ("exit", i, first[i].exit, other[i].exit); break;
        case Observation::out: found = differ("stdout", i, first[i].out, other[i].out); break;
        case Observation::err: found = differ("stderr", i, first[i].err, other[i].err); break;
        case Observation::results:
          if (first[i].results != other[i].results) {
            found = differ("results", i, show(first[i].results), show(other[i].results)) +
                    (show(first[i].results) == show(other[i].results) ? "results differ" : "");
          }
          break;
      }
    }
  }
  return found;
}

Action compare_rounds(const Scenario& scenario, const std::vector<RoundOutcome>& rounds) {
  Action action;
  action.what = fmt::format("{} rounds", rounds.size());
  action.expected = action.happened = "the same outcome";
  for (size_t i = 1; i < rounds.size() && action.passed; ++i) {
    const std::string differ =
        find_difference(scenario.same, rounds[0].observed, rounds[i].observed);
    if (differ.empty()) continue;
    action.passed = false;
    action.happened = differ;
  }
  return action;
}

void run_rounds(const ScenarioFile& file, const Cell& cell, const RunOptions& options,
                const Interrupt& interrupt, CellResult& result) {
  const Deadline deadline = Deadline::after(cell.scenario.within.value_or(options.timeout));
  std::vector<RoundOutcome> rounds;
  for (unsigned n = 1; n <= cell.scenario.repeat; ++n) {
    rounds.push_back(run_round(file, cell, n, options, deadline, interrupt));
    RoundOutcome& round = rounds.back();
    if (round.trace) result.traces.push_back(std::move(*round.trace));
    result.actions.insert(result.actions.end(), round.actions.begin(), round.actions.end());
    if (round.interrupted) {
      result.verdict = Verdict::skipped;
      result.skip_reason = "interrupted";
      return;
    }
    if (!round.passed()) break;
  }
  if (!cell.scenario.same.empty() && rounds.back().passed()) {
    result.actions.push_back(compare_rounds(cell.scenario, rounds));
  }
  const bool passed = std::all_of(result.actions.begin(), result.actions.end(),
                                  [](const Action& a) { return a.passed; });
  result.verdict = passed ? Verdict::passed : Verdict::failed;
}

// A scenario with a known issue fails for a known reason; one that passes has outlived it.
void expect_failure(const std::string& issue, CellResult& result) {
  if (result.verdict == Verdict::skipped) return;
  // That the client was never run is another reason.
  const auto never_began = [](const Action& a) {
    return !a.passed && (a.expected == "listens" || a.what.starts_with("setup "));
  };
  if (std::any_of(result.actions.begin(), result.actions.end(), never_began)) return;
  const bool failed = result.verdict == Verdict::failed;
  result.verdict = failed ? Verdict::passed : Verdict::failed;
  result.actions.push_back({"known issue: " + issue,
                            "fails",
                            failed ? "failed" : "passed: take \"known_issue\" away",
                            {},
                            failed,
                            {}});
}

}  // namespace

std::string missing_need(const Needs& needs) {
  for (const std::string& program : needs.programs) {
    if (!in_path(program))
      return fmt::format("program {} is missing{}", program, package_of(program));
  }
  if (needs.root && ::geteuid() != 0) return "needs to run as root";
  return "";
}

namespace {

CellResult try_cell(const ScenarioFile& file, const Cell& cell, const RunOptions& options,
                    const Interrupt& interrupt) {
  CellResult result;
  const auto start = Clock::now();
  try {
    run_rounds(file, cell, options, interrupt, result);
  } catch (const std::exception& error) {
    // What cannot be gone on from: a server that does not start, a full disk.
    result.verdict = interrupt.requested() ? Verdict::skipped : Verdict::failed;
    if (interrupt.requested()) result.skip_reason = "interrupted";
    result.actions.push_back({"run", "goes on", error.what(), Clock::now() - start, false, {}});
  }
  if (!cell.scenario.known_issue.empty()) expect_failure(cell.scenario.known_issue, result);
  return result;
}

// What a try that failed leaves in the result of the next: told, and no failure.
Action failed_try(unsigned number, const CellResult& result) {
  const auto fault = std::find_if(result.actions.begin(), result.actions.end(),
                                  [](const Action& a) { return !a.passed; });
  const std::string why =
      fault == result.actions.end()
          ? "failed"
          : fmt::format("{}: expected {}, got {}", fault->what, fault->expected, fault->happened);
  return {fmt::format("try {}", number), "passes", why, result.took, true, {}};
}

}  // namespace

CellResult run_cell(const ScenarioFile& file, const Cell& cell, const RunOptions& options,
                    const Interrupt& interrupt) {
  CellResult result;
  const auto start = Clock::now();
  result.skip_reason = interrupt.requested() ? "interrupted" : missing_need(cell.scenario.needs);
  if (result.skip_reason.empty()) result.skip_reason = missing_in_kernel(cell);
  if (!result.skip_reason.empty()) {
    result.verdict = Verdict::skipped;
    return result;
  }
  std::vector<Action> failed_tries;
  for (unsigned number = 1;; ++number) {
    result = try_cell(file, cell, options, interrupt);
    result.started = start;
    result.took = Clock::now() - start;
    if (result.verdict != Verdict::failed || number > options.retries) break;
    failed_tries.push_back(failed_try(number, result));
  }
  result.failed_tries = static_cast<unsigned>(failed_tries.size());
  result.actions.insert(result.actions.begin(), failed_tries.begin(), failed_tries.end());
  return result;
}

}  // namespace testkit
