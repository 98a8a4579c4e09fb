// SPDX-License-Identifier: BSD-3-Clause
//
// What all reports are made from: the plan of a run and, cell by cell, what
// came of it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "run/result.hpp"
#include "run/runner.hpp"

namespace testkit {

struct RunReport {
  uint64_t seed = 0;
  std::string nbdkit;
  bool nbdkit_was_given = false;    // then the command to run again has it too
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

// The first thing that went wrong, as "WHAT: expected X, got Y".
std::string first_fault(const CellResult& result);

// An action in one line: what, what was expected, what came, how long it took.
std::string one_line(const Action& action);

}  // namespace testkit
