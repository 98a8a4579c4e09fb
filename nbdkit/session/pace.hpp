// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>

namespace nbdkit {

// Whether requests of one kind have been quick of late: then the next is worth
// serving where it was read. Few that are not, as when the system takes the
// processor away, do not change that; one that takes really long does.
//
// Threads: any. Of what two threads tell at once one may be lost: it is a hint.
class Pace {
 public:
  using Duration = std::chrono::steady_clock::duration;
  // What it costs to hand a request over, twice: below that it is not worth it,
  // above it somebody else had better do it, and others at the same time.
  static constexpr std::chrono::microseconds kQuick{20};
  static constexpr std::chrono::microseconds kLong{250};

  bool is_quick() const noexcept { return credit_.load(std::memory_order_relaxed) >= kTrusted; }

  void took(Duration time) noexcept {
    const int credit = credit_.load(std::memory_order_relaxed);
    const int now = time <= kQuick  ? std::min(credit + 1, kMost)
                    : time <= kLong ? std::max(credit - kSlow, 0)
                                    : 0;
    if (now != credit) credit_.store(now, std::memory_order_relaxed);
  }

 private:
  // Nobody is trusted at first.
  static constexpr int kTrusted = 16, kMost = 32, kSlow = 4;
  std::atomic<int> credit_ = 0;
};

}  // namespace nbdkit
