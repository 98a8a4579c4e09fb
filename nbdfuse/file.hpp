// SPDX-License-Identifier: BSD-3-Clause
//
// One file of the mount: an export, connected to from the start or when the file
// is first opened, and the times that go with it.
//
// Threads: facts(), the times and, of an open file, disk() in any; open() in one
// at a time.
#pragma once

#include <atomic>
#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "disk.hpp"

namespace nbdfuse {

class File {
 public:
  using Connect = std::function<std::unique_ptr<Remote>()>;

  // Of an export that is connected to.
  File(std::string name, std::unique_ptr<Remote> remote);
  // Of one that a server has listed, with what it said of it.
  File(std::string name, const Export& listed, Connect connect);

  const std::string& name() const { return name_; }
  // As connected to, or else as listed.
  Export facts() const;

  bool is_open() const { return open_.load(std::memory_order_acquire); }
  // Connects. Throws an Error if that fails.
  void open();
  Disk& disk() { return *disk_; }  // REQUIRES: is_open()
  bool dirty() const { return is_open() && disk_->dirty(); }

  // Nanoseconds since the epoch.
  std::atomic<int64_t> modified_ns;
  std::atomic<int64_t> accessed_ns;  // as utimens set it
  std::atomic<int64_t> modified_at_open_ns{0};
  void written() noexcept {
    modified_ns.store(now_ns(), std::memory_order_relaxed);
    writes_.fetch_add(1, std::memory_order_relaxed);
  }

  // How much of it is data: as last counted, and before that all.
  uint64_t data_bytes() const;
  // Counts, if something was written since.
  Task<Found> count_data();

  static int64_t now_ns() noexcept;

 private:
  const std::string name_;
  const Connect connect_;
  mutable std::mutex mutex_;
  Export facts_;  // under mutex_
  std::unique_ptr<Remote> remote_;
  std::unique_ptr<Disk> disk_;
  std::atomic<bool> open_{false};
  std::atomic<uint64_t> writes_{1};
  std::atomic<uint64_t> counted_after_{0};  // so many writes
  std::atomic<uint64_t> counted_{UINT64_MAX};
};

}  // namespace nbdfuse
