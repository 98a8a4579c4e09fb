// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <shared_mutex>

#include "store.hpp"

namespace memory {

// Locks for pages: neighbours have different ones, so requests that do not
// touch the same page seldom wait for each other.
class PageLocks {
 public:
  // Twice the server's 16 threads. All of them are held at once at times, and
  // ThreadSanitizer follows 64 in one thread.
  static constexpr size_t kCount = 32;

  static size_t index_of(uint64_t page) { return page % kCount; }
  std::shared_mutex& of(uint64_t page) { return locks_[index_of(page)].mutex; }

  // Holds every lock: nobody else is at any page.
  class All {
   public:
    explicit All(PageLocks& locks) : locks_(locks) {
      for (Padded& lock : locks_.locks_) lock.mutex.lock();
    }
    ~All() {
      for (Padded& lock : locks_.locks_) lock.mutex.unlock();
    }
    All(const All&) = delete;
    All& operator=(const All&) = delete;

   private:
    PageLocks& locks_;
  };

 private:
  struct alignas(64) Padded {
    std::shared_mutex mutex;
  };
  std::array<Padded, kCount> locks_;
};

// Calls piece(page, offset within it, length, position in the range) for every
// page that the range touches, until one returns a Status that is not ok.
template <class Piece>
nbd::Status each_page(uint64_t count, uint64_t offset, Piece&& piece) {
  for (uint64_t done = 0; done < count;) {
    const size_t at = (offset + done) % kPageSize;
    const size_t length = std::min<uint64_t>(kPageSize - at, count - done);
    const nbd::Status status = piece((offset + done) / kPageSize, at, length, done);
    if (!status.ok()) return status;
    done += length;
  }
  return nbd::kOk;
}

}  // namespace memory
