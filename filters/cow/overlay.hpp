// SPDX-License-Identifier: BSD-3-Clause
//
// A disk over another that is never written to: what was changed is in a file of
// its own, and a map says which blocks.
//
// Threads: any call at any time. Reads take no lock: they look up where a block is
// and read there. That may be out of date by then, but was true when the read had
// begun, and nothing reads as what it never was: the disk below does not change, and
// a block's bytes are in the file before the map says so. Who changes a block holds
// its range: with others as long as the block is in the file and stays there, alone
// if it moves, since its other bytes have to come along.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include <nbdkit/disk.hpp>

#include "block-map.hpp"
#include "overlay-file.hpp"
#include "range-lock.hpp"

namespace cow {

class Overlay {
 public:
  // block: a power of 2, and a multiple of what the disk below takes. An Error if
  // there can be no file.
  Overlay(uint64_t size, uint64_t block);

  // below: the same disk for all who call, each by his own connection to it.
  nbd::Status read(nbd::Disk& below, std::span<std::byte> buf, uint64_t offset) const;
  // Without waiting, see nbd::Disk.
  bool try_read(nbd::Disk& below, std::span<std::byte> buf, uint64_t offset) const;
  nbd::Status write(nbd::Disk& below, std::span<const std::byte> buf, uint64_t offset);
  // A fast one is for whole blocks.
  nbd::Status zero(nbd::Disk& below, uint64_t count, uint64_t offset, nbd::Flags flags);
  nbd::Status trim(uint64_t count, uint64_t offset);  // parts of blocks stay
  nbd::Status extents(nbd::Disk& below, uint64_t count, uint64_t offset, nbd::Flags flags,
                      nbd::Extents& out) const;
  // Copies the blocks that are below into the file.
  nbd::Status fetch(nbd::Disk& below, uint64_t count, uint64_t offset);
  // Leaves them where they are, but lets both disks get ready for reads.
  nbd::Status prefetch(nbd::Disk& below, uint64_t count, uint64_t offset) const;

  uint64_t size() const { return size_; }
  uint64_t block() const { return block_; }
  // Nothing was ever kept.
  bool is_untouched() const { return map_.is_untouched(); }

 private:
  struct Blocks {
    uint64_t first, end;
  };
  Blocks touched_by(uint64_t count, uint64_t offset) const;
  Blocks inside(uint64_t count, uint64_t offset) const;
  // Bytes of the disk up to the block, which may be behind the end.
  uint64_t offset_of(uint64_t block) const { return std::min(block * block_, size_); }

  template <class Piece>
  nbd::Status each_run(uint64_t count, uint64_t offset, Piece&& piece) const;
  template <class Piece>
  nbd::Status each_place(Blocks blocks, Piece&& piece);

  bool is_data(Blocks blocks) const;
  nbd::Status overwrite(std::span<const std::byte> buf, uint64_t offset) const;
  nbd::Status write_alone(nbd::Disk& below, std::span<const std::byte> buf, uint64_t offset);
  nbd::Status write_into(nbd::Disk& below, std::span<const std::byte> buf, uint64_t offset,
                         uint64_t place);
  nbd::Status zero_part(nbd::Disk& below, uint64_t count, uint64_t offset, nbd::Flags flags);
  nbd::Status provide(Blocks blocks, nbd::Flags flags);
  nbd::Status write_zeroes(uint64_t count, uint64_t at) const;
  nbd::Status release(Blocks blocks);
  void give_back(Blocks blocks);
  nbd::Status fetch_alone(nbd::Disk& below, Blocks blocks, std::span<std::byte> scratch);

  const uint64_t size_, block_;
  const OverlayFile file_;
  BlockMap map_;
  RangeLock locks_;
};

}  // namespace cow
