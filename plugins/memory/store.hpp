// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>

#include <nbdkit/error.hpp>

namespace memory {

// Where the bytes of the disk are kept. Requests lie inside the disk. What is
// refused for want of memory is ENOSPC, and the bytes are then as they were, or
// in part as they were meant to be.
//
// Threads: every function from any number of threads. Requests that overlap
// see each page (kPageSize) as it was before or after, never between.
class Store {
 public:
  virtual ~Store() = default;
  virtual nbd::Status read(std::span<std::byte> buf, uint64_t offset) = 0;
  virtual nbd::Status write(std::span<const std::byte> buf, uint64_t offset) = 0;
  // The bytes where they are, for as long as the store lives; empty if they may
  // move. Whoever looks at them while they are written sees some of both.
  virtual std::span<const std::byte> where(uint64_t, uint64_t) { return {}; }
  // The same for a look at once: calls each(bytes) for pieces one behind the other,
  // none of which moves while it is called, until it returns false. Afterwards
  // their pages are used for nothing but these bytes of the disk, though addresses
  // may be. False: it did, or it cannot be.
  using EachPiece = std::function<bool(std::span<const std::byte>)>;
  virtual bool pages(uint64_t count, uint64_t offset, const EachPiece& each) {
    const std::span<const std::byte> all = where(count, offset);
    return !all.empty() && each(all);
  }
  // Afterwards the range reads as zeroes; memory is given back where possible.
  virtual nbd::Status zero(uint64_t count, uint64_t offset) = 0;

  // Calls each(offset, length, allocated) for runs that cover the range, until
  // it returns false.
  using EachRun = std::function<bool(uint64_t, uint64_t, bool)>;
  virtual void runs(uint64_t count, uint64_t offset, const EachRun& each) = 0;
};

// Small enough that a lone 4 KiB write does not cost much, large enough that
// the table of a full disk is 1/4096 of it and that compression pays.
inline constexpr size_t kPageSize = 32 << 10;

// Pages that are made when they are written to: a disk of any size costs
// nothing until then.
std::unique_ptr<Store> make_sparse_store(uint64_t size);
// The same, and every page is compressed. Throws if this was built without zstd.
std::unique_ptr<Store> make_zstd_store(uint64_t size, int level);
// One piece of memory, on request locked into RAM. Throws if it cannot be had.
std::unique_ptr<Store> make_flat_store(uint64_t size, bool lock_in_ram);

}  // namespace memory
