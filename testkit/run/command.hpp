// SPDX-License-Identifier: BSD-3-Clause
//
// An external command as a client: any program that speaks NBD, or a script.
#pragma once

#include <optional>
#include <string>

#include "base/process.hpp"
#include "net/wait.hpp"
#include "run/result.hpp"
#include "scenario/substitute.hpp"

namespace testkit {

struct CommandPlace {
  std::string directory;           // where it runs
  std::string out_path, err_path;  // files that take its output
};

struct CommandOutcome {
  std::optional<nbd::ExitStatus> status;  // nothing: it was stopped
  Wake stopped_by = Wake::ready;          // then timeout or interrupted
  Duration took{};
  std::string out, err;
  std::vector<std::string> stacks;  // of a command that was stopped by its time limit
};

// Runs it to its end or to the deadline; then it is killed with all that it
// started and that is still in its process group. $names of `variables` are
// replaced in its words, and stand in its environment.
CommandOutcome run_command(const Command& command, const Variables& variables,
                           const CommandPlace& place, const Deadline& deadline,
                           const Interrupt& interrupt);

// As a person would type it, with $uri and the like by their names.
std::string show_command(const Command& command);

// The verdict: what was expected of the command, and what came.
Action judge_command(std::string what, const Command& command, const CommandOutcome& outcome,
                     const TimeCheck& time);

}  // namespace testkit
