// SPDX-License-Identifier: BSD-3-Clause
//
// What all reports are made from: the plan of a run and, cell by cell, what
// came of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "run/result.hpp"
#include "run/runner.hpp"

namespace testkit {

struct RunReport {
  uint64_t seed = 0;
  std::string nbdkit;
  bool nbdkit_was_given = false;    // then the command to run again has it too
  bool trace = false;               // likewise
  std::vector<Job> jobs;            // in the order of the files
  std::vector<CellResult> results;  // of the jobs, by index
  Duration took{};

  struct Totals {
    size_t passed = 0, failed = 0, skipped = 0;
  };
  Totals totals() const;
};

// The command that runs this cell again in the same way.
std::string command_to_repeat(const RunReport& report, const Job& job);

// It failed, for the reason that the scenario knows; its verdict is "passed".
bool failed_as_known(const Job& job, const CellResult& result);

// Lines of a trace in JUnit and TAP: CI systems cut long output, and the page has all.
inline constexpr size_t kReportedWireLines = 40;

// Lines of a cell's trace, around the first fault, or else at its end; of the last
// round.
std::vector<std::string> wire_lines(const CellResult& result, size_t most);

// Length of the character of UTF-8 at the start of `text` that XML may hold and that is no
// control character; 0 if there is none.
size_t text_length(std::string_view text);

// Text of a client or a server, for people: one line, in which control characters and what is
// not UTF-8 stand as \xNN.
std::string visible(std::string_view text);

// The first thing that went wrong, as "WHAT: expected X, got Y".
std::string first_fault(const CellResult& result);

// An action in one line: what, what was expected, what came, how long it took.
std::string one_line(const Action& action);

}  // namespace testkit
