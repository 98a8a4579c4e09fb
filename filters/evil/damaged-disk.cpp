// SPDX-License-Identifier: BSD-3-Clause
#include "evil/damaged-disk.hpp"

#include <algorithm>
#include <vector>

namespace nbd::filters {

Status DamagedDisk::read_locked(Next& next, std::span<std::byte> buf, uint64_t offset,
                                Flags flags) const {
  const Status s = next.pread(buf, offset, flags);
  if (s.ok()) held_.copy_to(offset, buf);
  return s;
}

Status DamagedDisk::read(Next& next, std::span<std::byte> buf, uint64_t offset, Flags flags) {
  if (!is_volatile_) return next.pread(buf, offset, flags);
  const std::shared_lock lock(mutex_);
  return read_locked(next, buf, offset, flags);
}

Status DamagedDisk::write(Next& next, std::span<const std::byte> buf, uint64_t offset, Flags flags,
                          bool remember) {
  if (!is_volatile_ && !remember) return next.pwrite(buf, offset, flags);
  const std::unique_lock lock(mutex_);
  if (remember) {
    std::vector<std::byte> before(buf.size());
    if (const Status s = read_locked(next, before, offset, Flags::none); !s.ok()) return s;
    past_.put(offset, before);
    while (past_.size() > kMaxHeld) past_.forget_oldest();
  }
  const bool hold =
      is_volatile_ && !has(flags, Flags::fua) && held_.size() + buf.size() <= kMaxHeld;
  if (hold) {
    held_.put(offset, buf);
    return kOk;
  }
  const Status s = next.pwrite(buf, offset, flags);
  if (s.ok()) held_.erase(offset, buf.size());
  return s;
}

Status DamagedDisk::flush(Next& next, Flags flags) {
  {
    const std::unique_lock lock(mutex_);
    Status s;
    held_.visit(0, UINT64_MAX, [&](uint64_t at, std::span<const std::byte> bytes) {
      s = next.pwrite(bytes, at, Flags::none);
      return s.ok();
    });
    if (!s.ok()) return s;
    held_.clear();
  }
  return next.flush(flags);
}

// What is held back is data, whatever is below it.
Status DamagedDisk::extents(Next& next, uint64_t count, uint64_t offset, Flags flags,
                            Extents& out) {
  const std::shared_lock lock(mutex_);
  if (held_.empty()) return next.extents(count, offset, flags, out);
  Extents below(offset, next.size());
  if (const Status s = next.extents(count, offset, flags, below); !s.ok()) return s;
  uint64_t at = offset;
  for (const Extent& e : below.list()) {
    const uint64_t end = at + e.length;
    held_.visit(at, end, [&](uint64_t begin, std::span<const std::byte> bytes) {
      const uint64_t from = std::max(begin, at), to = std::min(begin + bytes.size(), end);
      const bool added = out.add(at, from - at, e.type) && out.add(from, to - from, 0);
      at = to;
      return added;
    });
    if (!out.add(at, end - at, e.type)) return Status(EIO);
    at = end;
  }
  return kOk;
}

size_t DamagedDisk::make_stale(std::span<std::byte> buf, uint64_t offset) const {
  const std::shared_lock lock(mutex_);
  return past_.copy_to(offset, buf);
}

size_t DamagedDisk::crash() {
  const std::unique_lock lock(mutex_);
  const size_t lost = held_.size();
  held_.clear();
  return lost;
}

}  // namespace nbd::filters
