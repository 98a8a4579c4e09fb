// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <fcntl.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <mutex>

// cache=none: what was read or written leaves the page cache, so that copying a
// large disk does not push everything else out.
//
// Pages can only be dropped once they are on the disk, so write-back is started
// at once and a range is dropped when kBehind others have come after it; what is
// still on its way then, and the last few, stay. Nothing here waits for
// write-back: waiting would also take the error of a write that failed, which
// is the next fdatasync()'s to report.
//
// Threads: any. Requests of one client share the list under its lock.
class Eviction {
 public:
  explicit Eviction(bool enabled) : enabled_(enabled) {}

  bool is_on() const { return enabled_; }

  void after_read(int fd, uint64_t offset, size_t count) const {
    if (enabled_) drop(fd, {offset, count});
  }

  void after_write(int fd, uint64_t offset, size_t count) {
    if (!enabled_) return;
    ::sync_file_range(fd, static_cast<off64_t>(offset), static_cast<off64_t>(count),
                      SYNC_FILE_RANGE_WRITE);
    const Range oldest = replace_oldest({offset, count});
    if (oldest.count != 0) drop(fd, oldest);
  }

 private:
  struct Range {
    uint64_t offset = 0;
    size_t count = 0;
  };
  static constexpr size_t kBehind = 8;

  static void drop(int fd, Range r) {
    ::posix_fadvise(fd, static_cast<off_t>(r.offset), static_cast<off_t>(r.count),
                    POSIX_FADV_DONTNEED);
  }
  Range replace_oldest(Range newest) {
    const std::lock_guard lock(mutex_);
    Range& place = written_[next_++ % kBehind];
    const Range oldest = place;
    place = newest;
    return oldest;
  }

  const bool enabled_;
  std::mutex mutex_;
  std::array<Range, kBehind> written_{};
  size_t next_ = 0;
};
