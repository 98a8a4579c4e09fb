// SPDX-License-Identifier: BSD-3-Clause
//
// What the evil filter keeps of one disk, for all its clients together: writes that
// are not stored yet, and what was there before the last write.
//
// Threads: any. What is held back is read together with what is below under a lock,
// so that nobody sees a byte that is in neither place while it moves.
#pragma once

#include <mutex>
#include <shared_mutex>

#include <nbdkit/disk.hpp>

#include "evil/byte-map.hpp"

namespace nbd::filters {

class DamagedDisk {
 public:
  // What either of the two may take; then writes are stored at once, and the oldest
  // past is forgotten.
  static constexpr size_t kMaxHeld = size_t{64} << 20;

  // is_volatile: writes are held back until they are flushed.
  explicit DamagedDisk(bool is_volatile) : is_volatile_(is_volatile) {}

  Status read(Next& next, std::span<std::byte> buf, uint64_t offset, Flags flags);
  // remember: keep what was there before.
  Status write(Next& next, std::span<const std::byte> buf, uint64_t offset, Flags flags,
               bool remember);
  Status flush(Next& next, Flags flags);
  // Zeroes and trims are stored at once; call is next.zero or next.trim.
  template <class Call>
  Status clear(uint64_t count, uint64_t offset, bool remembers, Call&& call) {
    if (!is_volatile_ && !remembers) return call();
    const std::unique_lock lock(mutex_);
    const Status s = call();
    if (s.ok()) {
      held_.erase(offset, count);
      past_.erase(offset, count);
    }
    return s;
  }
  Status extents(Next& next, uint64_t count, uint64_t offset, Flags flags, Extents& out);

  // What was there before the last write; how many bytes are different from now on.
  size_t make_stale(std::span<std::byte> buf, uint64_t offset) const;
  // Loses what was not flushed; how many bytes that were.
  size_t crash();

 private:
  Status read_locked(Next& next, std::span<std::byte> buf, uint64_t offset, Flags flags) const;

  const bool is_volatile_;
  mutable std::shared_mutex mutex_;
  ByteMap held_, past_;
};

}  // namespace nbd::filters
