// SPDX-License-Identifier: BSD-3-Clause
//
// How far a run has come: a line that stays at the bottom of a terminal, or else a plain
// line now and then, for a log.
//
// Threads: none.
#pragma once

#include <cstdio>
#include <string>

#include "net/wait.hpp"

namespace testkit {

struct ProgressState {
  size_t done = 0, total = 0, failed = 0;
  Duration since_start{};
};

// "123/404 done, 2 failed, 14 s left"; how long is left is not told before there is
// something to tell it from.
std::string progress_text(const ProgressState& state);

class Progress {
 public:
  Progress(std::FILE* out, bool terminal) : out_(out), terminal_(terminal) {}

  void start(size_t total);
  void cell_done(bool failed);
  // Before anything else is printed there; the next cell brings the line back.
  void erase();

 private:
  std::FILE* out_;
  bool terminal_;
  ProgressState state_;
  Clock::time_point start_{}, shown_{};
  bool visible_ = false;
};

}  // namespace testkit
