// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <chrono>

namespace nbdkit {

// Whether the next request is worth staying awake for. A client that sends one
// when it has the answer to the last one waits for the server to be woken each
// time, which takes longer than the request itself. So while requests have been
// coming soon, each alone, the server looks for the next one for a while before
// it goes to sleep.
//
// That is of no use where the client cannot run meanwhile, since both are on one
// processor or others want it: nothing comes then, and the server sleeps at once
// for some time, each time for longer.
//
// Threads: one.
class Expectation {
 public:
  using Duration = std::chrono::steady_clock::duration;
  // About what it costs to sleep and be woken, twice: who looks for so long in
  // vain has wasted no more than that.
  static constexpr std::chrono::microseconds kSoon{50};

  // How long the next one may be looked for. alone: the last was, and has been
  // answered.
  Duration before_wait(bool alone) noexcept {
    if (!alone) soon_in_row_ = 0;
    is_looking_ = alone && soon_in_row_ >= kTrusted;
    if (is_looking_ && sleeps_left_ > 0) {
      --sleeps_left_;
      is_looking_ = false;
    }
    return is_looking_ ? Duration(kSoon) : Duration::zero();
  }

  // After a wait for one that was `alone`.
  void waited(Duration time) noexcept {
    const bool soon = time <= kSoon;
    // One that is woken is late for that alone, so sleeping has more time.
    const bool would_be_soon = time <= (is_looking_ ? kSoon : 3 * kSoon);
    soon_in_row_ = would_be_soon ? std::min(soon_in_row_ + 1, kTrusted) : 0;
    if (!is_looking_) return;
    if (soon) {
      in_vain_ = std::max(in_vain_ - 1, 0);
      return;
    }
    in_vain_ = std::min(in_vain_ + kPrice, kMostInVain);
    sleeps_left_ = kTrusted << (in_vain_ / kPrice);
  }

 private:
  static constexpr int kTrusted = 16, kPrice = 64, kMostInVain = 8 * kPrice;

  int soon_in_row_ = 0;
  int in_vain_ = 0;      // looks; counts down by those that were not
  int sleeps_left_ = 0;  // before the next look
  bool is_looking_ = false;
};

}  // namespace nbdkit
