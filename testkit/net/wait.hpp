// SPDX-License-Identifier: BSD-3-Clause
//
// Waiting, always with an end: a deadline, or the user's Ctrl-C.
//
// Threads: an Interrupt is shared by all threads of a run; request() may be
// called in any of them. A Deadline is a value.
#pragma once

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <optional>
#include <span>

#include "base/fd.hpp"
#include "scenario/model.hpp"

namespace testkit {

using Clock = std::chrono::steady_clock;

struct Deadline {
  Clock::time_point at = Clock::time_point::max();

  static Deadline after(Duration time) {
    const auto now = Clock::now();
    // "1000y" must not wrap to the past.
    return {time < Clock::time_point::max() - now ? now + time : Clock::time_point::max()};
  }
  // No time: no deadline.
  static Deadline after_if(const std::optional<Duration>& time) {
    return time ? after(*time) : Deadline{};
  }
  Deadline sooner(const Deadline& other) const { return {std::min(at, other.at)}; }
  bool passed() const { return Clock::now() >= at; }
  // For poll(): rounded up, so that a wait does not end before its time.
  int left_ms() const;
};

// Told once that the run is to end; then every wait returns at once.
class Interrupt {
 public:
  Interrupt();
  void request(int signal) noexcept;
  bool requested() const noexcept { return signal_.load() != 0; }
  int signal() const noexcept { return signal_.load(); }  // 0: not requested
  int fd() const noexcept { return event_.get(); }        // readable from then on

 private:
  nbd::Fd event_;
  std::atomic<int> signal_ = 0;
};

enum class Wake { ready, timeout, interrupted };

// Until one of `fds` has something to say (see its revents).
Wake wait_any(std::span<pollfd> fds, const Deadline& deadline, const Interrupt& interrupt);

// Sleeps; `timeout` is the normal end.
inline Wake sleep_until(const Deadline& deadline, const Interrupt& interrupt) {
  return wait_any({}, deadline, interrupt);
}

}  // namespace testkit
