// SPDX-License-Identifier: BSD-3-Clause
//
// A disk that can be closed and opened again while requests go on.
//
// The new one is opened only when the old one is closed (it may have what the new
// one needs, a lock say), and that only when the last request has left it. Requests
// that come meanwhile wait.
//
// Threads: any. The state is under the lock; the disk is used, opened and closed
// outside it.
#pragma once

#include <nbdkit/disk.hpp>

#include <condition_variable>
#include <memory>
#include <mutex>

namespace nbd::filters {

class Reopenable {
 public:
  explicit Reopenable(std::unique_ptr<Disk> disk) : disk_(std::move(disk)) {}

  // call(disk), or an errno if the last try to open it failed. generation: which of
  // the disks it was.
  template <class Call>
  Status use(uint64_t& generation, Call&& call) {
    Disk* disk = enter(generation);
    if (disk == nullptr) return Status(EIO);
    const Status s = call(*disk);
    leave();
    return s;
  }

  // open() returns the new disk, or nullptr. Nothing is done if somebody else has
  // reopened that generation already.
  template <class Open>
  void reopen(uint64_t generation, Open&& open) {
    if (!begin_reopening(generation)) return;
    disk_.reset();
    disk_ = open();
    const std::lock_guard lock(mutex_);
    ++generation_;
    is_reopening_ = false;
    changed_.notify_all();
  }

 private:
  Disk* enter(uint64_t& generation) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !is_reopening_; });
    generation = generation_;
    if (disk_ != nullptr) ++users_;
    return disk_.get();
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    if (--users_ == 0) changed_.notify_all();
  }
  bool begin_reopening(uint64_t generation) {
    std::unique_lock lock(mutex_);
    if (generation != generation_ || is_reopening_) return false;
    is_reopening_ = true;
    changed_.wait(lock, [this] { return users_ == 0; });
    return true;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::unique_ptr<Disk> disk_;  // nullptr: it could not be opened
  uint64_t generation_ = 0;
  unsigned users_ = 0;
  bool is_reopening_ = false;
};

}  // namespace nbd::filters
