// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <shared_mutex>
#include <span>

#include <nbdkit/error.hpp>

namespace memory {

// Where the bytes of the disk are kept. Requests lie inside the disk.
//
// Threads: every function from any number of threads. Requests that overlap
// see each page (kPageSize) as it was before or after, never between.
class Store {
 public:
  virtual ~Store() = default;
  virtual void read(std::span<std::byte> buf, uint64_t offset) = 0;
  virtual nbd::Status write(std::span<const std::byte> buf, uint64_t offset) = 0;
  // Afterwards the range reads as zeroes; memory is given back where possible.
  virtual void zero(uint64_t count, uint64_t offset) = 0;

  // Calls each(offset, length, allocated) for runs that cover the range, until
  // it returns false.
  using EachRun = std::function<bool(uint64_t, uint64_t, bool)>;
  virtual void runs(uint64_t count, uint64_t offset, const EachRun& each) = 0;
};

// Small enough that a lone 4 KiB write does not cost much, large enough that
// the table of a full disk is 1/4096 of it.
inline constexpr size_t kPageSize = 32 << 10;

// Locks for pages: neighbours have different ones, so requests that do not
// touch the same page seldom wait for each other.
class PageLocks {
 public:
  std::shared_mutex& of(uint64_t page) { return locks_[page % locks_.size()].mutex; }

 private:
  struct alignas(64) Padded {
    std::shared_mutex mutex;
  };
  std::array<Padded, 64> locks_;
};

// Calls piece(page, offset within it, length, position in the range) for every
// page that the range touches, until one returns false.
template <class Piece>
void each_page(uint64_t count, uint64_t offset, Piece&& piece) {
  for (uint64_t done = 0; done < count;) {
    const uint64_t at = (offset + done) % kPageSize;
    const uint64_t length = std::min<uint64_t>(kPageSize - at, count - done);
    if (!piece((offset + done) / kPageSize, at, length, done)) return;
    done += length;
  }
}

// Pages that are made when they are written to: a disk of any size costs
// nothing until then.
std::unique_ptr<Store> make_sparse_store(uint64_t size);
// One piece of memory, on request locked into RAM. Throws if it cannot be had.
std::unique_ptr<Store> make_flat_store(uint64_t size, bool lock_in_ram);

}  // namespace memory
