// SPDX-License-Identifier: BSD-3-Clause
//
// The rules of the protocol, at one place: what of a request is allowed on this
// export, and how an allowed one becomes a call of the stack. Above this
// nothing is trusted; below it every request is valid.
//
// Threads: const calls may come from any number of threads.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include <nbdkit/disk.hpp>

#include "wire/reply.hpp"

namespace nbdkit {

class Export {
 public:
  // What the client agreed to that bears on requests.
  struct Negotiated {
    nbd::wire::ReplyStyle replies = nbd::wire::ReplyStyle::simple;
    bool base_allocation = false;
  };
  // stack_lock: held while the disk is closed, if given. one_client: a second
  // connection would wait for the first to end, so several are not offered.
  Export(std::unique_ptr<nbd::Disk> disk, std::mutex* stack_lock, bool one_client)
      : disk_(std::move(disk)), stack_lock_(stack_lock), one_client_(one_client) {}
  Export(const Export&) = delete;
  Export& operator=(const Export&) = delete;
  ~Export();

  uint64_t size() const { return disk_->size(); }
  nbd::BlockSize block_size() const { return disk_->properties().block_size; }
  std::string description() const { return disk_->description(); }
  // NBD_FLAG_*
  uint16_t transmission_flags(const Negotiated& negotiated) const;

  // An errno for the client, or success. A write that is refused still has its
  // payload behind it.
  nbd::Status check(const nbd::wire::Request& request, const Negotiated& negotiated) const;

  // What a command (but for DISC) is below here.
  static nbd::Op op_of(nbd::wire::Command command);
  // Whether the request may wait for something.
  bool may_block(nbd::wire::Command command) const;

  // Tells the layers that want to know that this one is coming.
  // REQUIRES: check() succeeded.
  void announce(const nbd::wire::Request& request) const;

  // REQUIRES: check() succeeded. buf: as long as the request says.
  nbd::Status read(const nbd::wire::Request& request, std::span<std::byte> buf) const;
  // The same, but false at once if it would have to wait, or fail.
  bool can_try_read() const { return disk_->properties().tries_reads; }
  bool try_read(const nbd::wire::Request& request, std::span<std::byte> buf) const;
  // Nothing is lent where the disk cannot: then read() is to be called.
  nbd::Status lend(const nbd::wire::Request& request, nbd::Loan& out) const;
  // What of a read is known to be zero, for those who can be told so. Empty if
  // nothing is known.
  struct ReadPiece {
    uint64_t offset, length;
    bool zero;
  };
  struct ReadMap {
    std::vector<ReadPiece> pieces;  // all of the read, in order
    uint64_t data_until = 0;        // from its offset to here there is no hole now
    bool has_hole() const {
      return std::any_of(pieces.begin(), pieces.end(), [](const ReadPiece& p) { return p.zero; });
    }
  };
  bool has_map() const {
    return disk_->properties().can_extents && disk_->properties().tells_holes;
  }
  // The same from the bytes that were read: for a plugin that knows of holes, but
  // that cannot be asked each time.
  bool may_have_holes() const { return disk_->properties().can_extents; }
  static ReadMap map(const nbd::wire::Request& request, std::span<const std::byte> data);
  ReadMap map(const nbd::wire::Request& request) const;
  nbd::Status write(const nbd::wire::Request& request, std::span<const std::byte> buf) const;
  // extended: lengths of more than 32 bits may be told.
  nbd::Status block_status(const nbd::wire::Request& request, bool extended,
                           std::vector<nbd::wire::BlockDescriptor>& out) const;
  // Any command without data: FLUSH, TRIM, CACHE, WRITE_ZEROES.
  nbd::Status perform(const nbd::wire::Request& request) const;

 private:
  nbd::Status check_form(const nbd::wire::Request& request) const;
  nbd::Status check_blocks(const nbd::wire::Request& request) const;
  nbd::Status check_flags(const nbd::wire::Request& request, const Negotiated& negotiated) const;
  nbd::Status check_offered(const nbd::wire::Request& request, const Negotiated& negotiated) const;

  std::unique_ptr<nbd::Disk> disk_;
  std::mutex* const stack_lock_;
  const bool one_client_;
};

}  // namespace nbdkit
