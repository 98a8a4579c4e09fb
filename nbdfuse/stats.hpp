// SPDX-License-Identifier: BSD-3-Clause
//
// What was asked of the file, and how long it took: for --stats.
//
// Threads: any.
#pragma once

#include <nbdkit/error.hpp>

#include <array>
#include <chrono>
#include <mutex>
#include <string>

#include "base/histogram.hpp"

namespace nbdfuse {

class Stats {
 public:
  enum class Kind { read, write, flush, zero, punch, extents };

  // From the start of a request to done(). Without a Stats it does nothing.
  class Timer {
   public:
    Timer(Stats* stats, Kind kind, uint64_t bytes) : stats_(stats), kind_(kind), bytes_(bytes) {
      if (stats_ != nullptr) begin_ = Clock::now();
    }
    void done(nbd::Status status) {
      if (stats_ != nullptr) stats_->add(kind_, status, bytes_, Clock::now() - begin_);
    }

   private:
    using Clock = std::chrono::steady_clock;
    Stats* const stats_;
    const Kind kind_;
    const uint64_t bytes_;
    Clock::time_point begin_;
  };

  Stats() : since_(std::chrono::steady_clock::now()) {}
  void add(Kind kind, nbd::Status status, uint64_t bytes, std::chrono::nanoseconds took);
  // One line, ends with a newline; the manual page says what is in it.
  std::string json();

 private:
  struct Counter {
    std::mutex mutex;
    uint64_t errors = 0;
    uint64_t bytes = 0;  // of those that did not fail
    uint64_t max_ns = 0;
    nbd::Histogram times;
  };
  std::array<Counter, 6> counters_;
  const std::chrono::steady_clock::time_point since_;
};

}  // namespace nbdfuse
