// SPDX-License-Identifier: BSD-3-Clause
//
// How long a request has to wait so that so many bits pass in a second.
//
// Requests stand in a line in the order in which they came: `promised` is where the
// line ends, in bits since the start, and a request may go when `allowed` has reached
// its own end in it. `allowed` grows with time, at the rate that there is now, and
// runs at most `burst` seconds ahead of the line. So nobody waits who need not, a
// change of the rate counts for those who wait already, and one that leaves the line
// gives its place back.
//
// Threads: any; there is a lock. Time comes from outside, so that a test needs none.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mutex>

namespace nbd::filters {

class Bucket {
 public:
  using Clock = std::chrono::steady_clock;
  using Seconds = std::chrono::duration<double>;

  // Full. bits: each second; 0 for any number.
  Bucket(uint64_t bits, double burst_seconds) : burst_(burst_seconds) { set_rate(bits, {}); }

  uint64_t rate() const {
    const std::lock_guard lock(mutex_);
    return rate_;
  }
  // Nobody is in the line if there was no rate.
  void set_rate(uint64_t bits, Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    if (bits == rate_) return;
    advance(now);
    if (rate_ == 0) allowed_ = promised_ + static_cast<double>(bits) * burst_;
    rate_ = bits;
  }

  // The end of the place in the line of a request that has come.
  double stand_in_line(uint64_t bits, Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    advance(now);
    if (rate_ == 0) return promised_;
    return promised_ += static_cast<double>(bits);
  }
  // How long it has to wait from now on: 0 if it may go.
  Seconds wait_for(double place, Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    advance(now);
    if (rate_ == 0 || allowed_ >= place) return Seconds(0);
    return Seconds((place - allowed_) / static_cast<double>(rate_));
  }
  // It goes away without having gone.
  void leave_line(uint64_t bits) {
    const std::lock_guard lock(mutex_);
    if (rate_ != 0) allowed_ += static_cast<double>(bits);
  }

 private:
  void advance(Clock::time_point now) {
    const double passed = std::max(0.0, Seconds(now - last_).count());
    const auto rate = static_cast<double>(rate_);
    last_ = std::max(last_, now);
    allowed_ = std::min(allowed_ + rate * passed, promised_ + rate * burst_);
  }

  const double burst_;
  mutable std::mutex mutex_;
  uint64_t rate_ = 0;
  double promised_ = 0, allowed_ = 0;
  Clock::time_point last_{};
};

}  // namespace nbd::filters
