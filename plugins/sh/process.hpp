// SPDX-License-Identifier: BSD-3-Clause
//
// Runs one script: its input, its two outputs and its end at the same time, so
// that one which does not read, or prints too much, or never ends, holds up
// nothing but its own request.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/process.hpp"

namespace script {

struct Job {
  std::vector<std::string> argv;
  std::vector<std::string> env;
  std::span<const std::byte> input;
  size_t max_output = 0;  // a script that prints more is ended
  // Asked now and then: whether the script must be ended. May be empty.
  std::function<bool()> give_up;
};

struct Result {
  nbd::ExitStatus status;
  std::string output;
  std::string errors;     // what it wrote to stderr, or the start of that
  bool too_much = false;  // it was ended, since it printed more than max_output
  bool given_up = false;  // it was ended, since give_up() said so
};

// REQUIRES: SIGPIPE is ignored, as in the server.
// Throws an Error if it cannot be started. What the script left running in the
// background lives on unless it was ended.
Result run(const Job& job);

}  // namespace script
