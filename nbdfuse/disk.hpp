// SPDX-License-Identifier: BSD-3-Clause
//
// An export as a file has it: any offset, any length. Requests are split to the
// server's maximum block size, and widened (with read-modify-write) to its
// minimum.
//
// Threads: any number of operations at a time, from any thread; buffers belong
// to the operation until its task is done.
#pragma once

#include <atomic>
#include <memory_resource>
#include <span>
#include <vector>

#include "range-lock.hpp"
#include "remote.hpp"
#include "stock.hpp"
#include "task.hpp"

namespace nbdfuse {

// Where a seek ended, or why it did not.
struct Found {
  Found() = default;
  explicit Found(Status s) : status(s) {}
  explicit Found(uint64_t at) : offset(at) {}
  Status status;
  uint64_t offset = 0;
};

class Disk {
 public:
  explicit Disk(Remote& remote);

  const Export& exported() const { return export_; }
  uint64_t size() const { return export_.size; }

  // REQUIRES for all ranges: within size().
  Task<Status> read(std::span<std::byte> into, uint64_t offset);
  Task<Status> write(std::span<const std::byte> from, uint64_t offset);
  // Reads as zeroes afterwards, whatever the server can do. allocate: no hole;
  // otherwise the server may make one.
  Task<Status> zero(uint64_t offset, uint64_t length, bool allocate);
  Task<Status> flush();
  // The first byte at or after offset that is in a hole (or in data): ENXIO if
  // there is none. A hole is what the server says reads as zeroes.
  Task<Found> seek(uint64_t offset, bool hole);

  // How many bytes are no zeroes, as the server tells in a few answers
  // (kBlockCountAnswers); what it then has not told of counts as data.
  Task<Found> count_data();

  // Whether something was written that no flush has followed.
  bool dirty() const { return dirty_.load(std::memory_order_acquire); }

 private:
  uint64_t align_down(uint64_t n) const { return n & ~(export_.minimum_block - 1); }
  // The last block of an odd-sized export is shorter.
  uint64_t align_up(uint64_t n) const;
  bool aligned(uint64_t offset, uint64_t end) const {
    return align_down(offset) == offset && align_up(end) == end;
  }
  // The same range in pieces that the server takes.
  using Requests = std::pmr::vector<Request>;
  Requests split(Command command, std::byte* data, uint64_t offset, uint64_t length);
  Requests reads_of_edges(uint64_t offset, uint64_t end, std::byte* into);
  Task<Status> transfer(Command command, std::byte* data, uint64_t offset, uint64_t length);
  Task<Status> modify(std::span<const std::byte> from, uint64_t offset, uint64_t length);
  Task<Status> zero_blocks(uint64_t offset, uint64_t length, bool allocate);
  Task<Status> trim(uint64_t offset, uint64_t length);
  Task<Status> write_zeroes(uint64_t offset, uint64_t length);

  Remote& remote_;
  const Export& export_;
  Stock requests_;  // those of one operation together
  Stock edges_;     // two blocks of the server's that are written in part
  RangeLock ranges_;
  std::atomic<bool> dirty_{false};
  std::atomic<bool> zero_refused_{false};  // said it can, answered ENOTSUP
};

}  // namespace nbdfuse
