// SPDX-License-Identifier: BSD-3-Clause
//
// What happened in a cell: the runner writes it, the reports read it.
#pragma once

#include <string>
#include <vector>

#include "run/wire-trace.hpp"
#include "scenario/model.hpp"

namespace testkit {

// One thing that was done, with what was expected of it.
struct Action {
  std::string what;      // "step 2 read 4096+4096"
  std::string expected;  // "error ENOTCONN within 1 s"
  std::string happened;  // "success, 4096 bytes"
  Duration took{};
  bool passed = true;
  std::vector<std::string> details;  // last lines of a log, shown on failure
  // An action is written down when it is over.
  Clock::time_point ended = Clock::now();
};

enum class Verdict { passed, failed, skipped };

struct CellResult {
  Verdict verdict = Verdict::passed;
  std::string skip_reason;
  unsigned failed_tries = 0;  // before this one
  std::vector<Action> actions;
  Duration took{};
  Clock::time_point started{};
  std::vector<WireTrace> traces;  // of the rounds that had a proxy
};

}  // namespace testkit
