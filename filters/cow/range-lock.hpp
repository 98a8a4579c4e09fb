// SPDX-License-Identifier: BSD-3-Clause
//
// Locks for ranges of blocks, however long. Who comes first gets in first: a
// request waits for all that overlap it and came before it, unless both are content
// to share. So nobody waits for ever, and since a request holds one range at a time,
// nobody waits in a circle.
//
// Threads: any. The mutex is held for as long as it takes to look through the
// ranges of the moment, one for each request that writes; never while a disk works.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <vector>

namespace cow {

class RangeLock {
 public:
  enum class Mode { shared, alone };

  // Holds [first, end) while it lives.
  class Held {
   public:
    Held(RangeLock& lock, uint64_t first, uint64_t end, Mode mode)
        : lock_(lock), first_(first), end_(end), mode_(mode) {
      lock_.enter(*this);
    }
    ~Held() { lock_.leave(*this); }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;

   private:
    friend RangeLock;
    bool must_wait_for(const Held& other) const {
      return first_ < other.end_ && other.first_ < end_ &&
             (mode_ == Mode::alone || other.mode_ == Mode::alone);
    }

    RangeLock& lock_;
    const uint64_t first_, end_;
    const Mode mode_;
  };

 private:
  void enter(const Held& held) {
    std::unique_lock lock(mutex_);
    queue_.push_back(&held);
    while (!is_first(held)) {
      ++waiting_;
      left_.wait(lock);
      --waiting_;
    }
  }
  void leave(const Held& held) {
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      queue_.erase(std::find(queue_.begin(), queue_.end(), &held));
      wake = waiting_ > 0;
    }
    if (wake) left_.notify_all();
  }
  bool is_first(const Held& held) const {
    for (const Held* earlier : queue_) {
      if (earlier == &held) return true;
      if (held.must_wait_for(*earlier)) return false;
    }
    return true;
  }

  std::mutex mutex_;
  std::condition_variable left_;
  std::vector<const Held*> queue_;  // in the order in which they came
  unsigned waiting_ = 0;
};

}  // namespace cow
