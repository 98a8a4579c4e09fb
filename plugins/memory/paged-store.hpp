// SPDX-License-Identifier: BSD-3-Clause
//
// What stores have in common that make a page when it is written to and give it
// back when it is zeroed: the walk over pages, their locks, and the table. How
// a page is kept is for the derived class.
#pragma once

#include <optional>

#include "page-locks.hpp"
#include "page-table.hpp"

namespace memory {

class PagedStore : public Store {
 public:
  explicit PagedStore(uint64_t size) : table_(size, pool_) {}

  nbd::Status read(std::span<std::byte> buf, uint64_t offset) final;
  nbd::Status write(std::span<const std::byte> buf, uint64_t offset) final;
  nbd::Status zero(uint64_t count, uint64_t offset) final;
  bool pages(uint64_t count, uint64_t offset, const EachPiece& each) final;
  void runs(uint64_t count, uint64_t offset, const EachRun& each) final;

 protected:
  using Slot = PageTable::Slot;

  // Whether what is kept are the bytes themselves.
  virtual bool keeps_plain_bytes() const { return false; }
  // A page whose slot is not empty; `at` is where in the page the bytes are.
  //
  // With the page's lock, shared; nullopt if it takes more than looking: then
  // read_alone() is called.
  virtual std::optional<nbd::Status> read_shared(void* kept, uint64_t page, size_t at,
                                                 std::span<std::byte> out) = 0;
  virtual bool reads_as_zeroes(void* kept, uint64_t page) = 0;
  // With the page's lock, alone.
  virtual nbd::Status read_alone(Slot& slot, uint64_t page, size_t at,
                                 std::span<std::byte> out) = 0;
  virtual nbd::Status clear(Slot& slot, uint64_t page, size_t at, size_t length) = 0;
  // The slot may be empty: the page is zeroes.
  virtual nbd::Status fill(Slot& slot, uint64_t page, size_t at, std::span<const std::byte> in) = 0;
  // After a zero(), without a lock.
  virtual void after_zero() {}

  PagePool& pool() { return pool_; }
  PageTable& table() { return table_; }

 private:
  bool is_allocated(uint64_t page, uint64_t& next);

  PageLocks locks_;
  PagePool pool_;
  PageTable table_;
};

}  // namespace memory
