// SPDX-License-Identifier: BSD-3-Clause
//
// Keeps writes to the same blocks apart while one of them is a
// read-modify-write: two halves of one block written at a time would otherwise
// lose one of the halves.
//
// Threads: acquire and release in any; a coroutine that waited goes on in the
// thread that released.
#pragma once

#include <coroutine>
#include <cstdint>
#include <mutex>
#include <vector>

#include "limits.hpp"

namespace nbdfuse {

class RangeLock {
 public:
  RangeLock() { entries_.reserve(kMaxInFlight); }

  // co_await Held(lock, first, end): waits until no earlier holder or waiter
  // overlaps [first, end); released when the Held goes.
  class Held {
   public:
    Held(RangeLock& lock, uint64_t first, uint64_t end) : lock_(lock), first_(first), end_(end) {}
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() { lock_.release(*this); }

    struct Acquire {
      Held& held;
      bool await_ready() const noexcept { return false; }
      bool await_suspend(std::coroutine_handle<> waiter) const {
        return !held.lock_.enter(held, waiter);
      }
      void await_resume() const noexcept {}
    };
    // Once, before anything is sent.
    Acquire acquired() { return {*this}; }

   private:
    friend class RangeLock;
    bool overlaps(const Held& other) const { return first_ < other.end_ && other.first_ < end_; }

    RangeLock& lock_;
    const uint64_t first_;
    const uint64_t end_;
    std::coroutine_handle<> waiter_;  // set while it waits
  };

 private:
  bool enter(Held& held, std::coroutine_handle<> waiter);
  void release(Held& held) noexcept;
  bool blocked(size_t index) const;

  std::mutex mutex_;
  std::vector<Held*> entries_;  // in the order of arrival
};

}  // namespace nbdfuse
