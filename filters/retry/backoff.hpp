// SPDX-License-Identifier: BSD-3-Clause
//
// How often and after which pauses something that fails is tried again.
#pragma once

#include <nbdkit/filter.hpp>

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>

namespace nbd::filters {

struct Backoff {
  uint64_t retries = 0;
  std::chrono::nanoseconds delay = std::chrono::seconds(2);
  bool exponential = false;

  // Before the Nth retry, from 1. Never longer than a day.
  std::chrono::nanoseconds pause(uint64_t n) const {
    constexpr std::chrono::nanoseconds kLongest = std::chrono::hours(24);
    auto out = std::min(delay, kLongest);
    if (exponential) {
      for (; n > 1 && out < kLongest; --n) out = std::min(2 * out, kLongest);
    }
    return out;
  }

  // attempt() until it succeeds, need not be tried again, or was tried often
  // enough. between(n) comes after the pause before the Nth retry.
  template <class Attempt, class Between>
  Status run(const Announcement& request, Attempt&& attempt, Between&& between) const {
    for (uint64_t n = 1;; ++n) {
      const Status s = attempt();
      if (s.ok() || !is_worth_it(request, s) || n > retries) return s;
      nbdkit_debug("retry %llu of %llu", static_cast<unsigned long long>(n),
                   static_cast<unsigned long long>(retries));
      if (!sleep(pause(n)).ok()) return s;  // nobody waits for it any more
      between(n);
    }
  }

  // The same for what a client opens.
  std::unique_ptr<Disk> open(Layer& below, const OpenRequest& request) const {
    for (uint64_t n = 1;; ++n) {
      try {
        return below.open(request);
      } catch (...) {
        if (n > retries) throw;
        nbd::detail::report_current_exception();
        if (!sleep(pause(n)).ok()) throw;
      }
    }
  }

 private:
  // A fast zero that is not to be had is an answer; so are a disk that is read-only
  // and the server's end.
  static bool is_worth_it(const Announcement& request, Status s) {
    if (s.errnum() == ESHUTDOWN || s.errnum() == EROFS) return false;
    const bool unsupported = s.errnum() == EOPNOTSUPP || s.errnum() == ENOTSUP;
    return !(unsupported && request.op == Op::zero && has(request.flags, Flags::fast_zero));
  }
};

}  // namespace nbd::filters
