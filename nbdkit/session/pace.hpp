// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>

namespace nbdkit {

// Whether requests of one kind have been quick of late: then the next is worth
// serving where it was read. Few that are not, as when the system takes the
// processor away, do not change that; one that takes really long does.
//
// How quick that is depends on whether others are behind it. If there are, it is
// what it costs to hand one over, twice: a longer one had better be served by
// somebody else, and others at the same time. One that is alone may take longer
// (a read from a fast disk does), as long as none has come meanwhile. So may a write that
// keeps the processor busy: file systems let one at a time write to a file, and others
// would only spin until it is their turn.
//
// Threads: any. Of what two threads tell at once one may be lost: it is a hint.
class Pace {
 public:
  using Duration = std::chrono::steady_clock::duration;
  static constexpr std::chrono::microseconds kQuick{20};
  static constexpr std::chrono::microseconds kQuickAlone{150};
  static constexpr std::chrono::microseconds kQuickIfBusy{250};
  static constexpr std::chrono::microseconds kLong{250};

  // What it takes to move so many bytes, at 4 GB/s, does not count: whoever reads
  // the socket has as much to do with them itself, so others could not save much.
  static constexpr Duration time_to_move(uint64_t bytes) {
    return std::chrono::nanoseconds(bytes / 4);
  }

  bool is_quick(bool alone) const noexcept {
    return (alone ? alone_ : credit_).load(std::memory_order_relaxed) >= kTrusted;
  }

  // is_busy: a write, which waited for nothing, as far as is known.
  void took(Duration time, bool is_busy = false) noexcept {
    update(credit_, time, is_busy ? Duration(kQuickIfBusy) : Duration(kQuick));
    update(alone_, time, kQuickAlone);
    const bool doubtful = time > kQuick && time <= kQuickIfBusy;
    if (doubtful != doubtful_.load(std::memory_order_relaxed)) {
      doubtful_.store(doubtful, std::memory_order_relaxed);
    }
  }
  // Whether it is worth a system call to learn if the next one keeps the processor busy.
  bool is_doubtful() const noexcept { return doubtful_.load(std::memory_order_relaxed); }
  // One was not alone for long enough.
  void held_others_up() noexcept { alone_.store(0, std::memory_order_relaxed); }

 private:
  // Nobody is trusted at first.
  static constexpr int kTrusted = 16, kMost = 32, kSlow = 4;

  static void update(std::atomic<int>& credit, Duration time, Duration quick) noexcept {
    const int before = credit.load(std::memory_order_relaxed);
    const int now = time <= quick   ? std::min(before + 1, kMost)
                    : time <= kLong ? std::max(before - kSlow, 0)
                                    : 0;
    if (now != before) credit.store(now, std::memory_order_relaxed);
  }

  std::atomic<int> credit_ = 0, alone_ = 0;
  std::atomic<bool> doubtful_ = false;
};

}  // namespace nbdkit
