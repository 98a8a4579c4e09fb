// SPDX-License-Identifier: BSD-3-Clause
#include "disk.hpp"

#include <algorithm>
#include <cstring>

#include "limits.hpp"

namespace nbdfuse {

namespace {

// What one write may come to: its middle in pieces, and a block at either end.
size_t most_requests(const Export& exported) {
  return kMaxPayload / exported.maximum_block + 1 + 2;
}

}  // namespace

Disk::Disk(Remote& remote)
    : remote_(remote),
      export_(remote.exported()),
      requests_(most_requests(export_) * sizeof(Request), kMaxInFlight, kReady),
      edges_(2 * export_.minimum_block, kMaxInFlight, kReady) {}

uint64_t Disk::align_up(uint64_t n) const {
  return std::min(align_down(n + export_.minimum_block - 1), export_.size);
}

// There is room for two more.
Disk::Requests Disk::split(Command command, std::byte* data, uint64_t offset, uint64_t length) {
  Requests pieces(&requests_);
  pieces.reserve(length / export_.maximum_block + 1 + 2);
  while (length > 0) {
    Request& piece = pieces.emplace_back();
    piece.command = command;
    piece.offset = offset;
    piece.length = std::min(length, export_.maximum_block);
    piece.data = data;
    offset += piece.length;
    data += piece.length;
    length -= piece.length;
  }
  return pieces;
}

// REQUIRES: aligned.
Task<Status> Disk::transfer(Command command, std::byte* data, uint64_t offset, uint64_t length) {
  if (length <= export_.maximum_block) {
    Request whole;
    whole.command = command;
    whole.offset = offset;
    whole.length = length;
    whole.data = data;
    co_return co_await Transfer(remote_, {&whole, 1});
  }
  auto pieces = split(command, data, offset, length);
  co_return co_await Transfer(remote_, pieces);
}

Task<Status> Disk::read(std::span<std::byte> into, uint64_t offset) {
  const uint64_t end = offset + into.size();
  if (into.empty()) co_return nbd::kOk;
  if (aligned(offset, end)) {
    co_return co_await transfer(Command::read, into.data(), offset, into.size());
  }
  const uint64_t first = align_down(offset);
  std::vector<std::byte> blocks(align_up(end) - first);
  const Status status = co_await transfer(Command::read, blocks.data(), first, blocks.size());
  if (status.ok()) std::memcpy(into.data(), blocks.data() + (offset - first), into.size());
  co_return status;
}

Task<Status> Disk::write(std::span<const std::byte> from, uint64_t offset) {
  if (from.empty()) co_return nbd::kOk;
  const uint64_t end = offset + from.size();
  // Set before the server has it: a flush that runs meanwhile may not cover it.
  dirty_.store(true, std::memory_order_release);
  // The remote only looks at a write's data.
  auto* const data = const_cast<std::byte*>(from.data());
  if (export_.minimum_block == 1) {
    co_return co_await transfer(Command::write, data, offset, from.size());
  }
  RangeLock::Held held(ranges_, align_down(offset), align_up(end));
  co_await held.acquired();
  if (aligned(offset, end)) {
    co_return co_await transfer(Command::write, data, offset, from.size());
  }
  co_return co_await modify(from, offset, from.size());
}

// Of the blocks, at most two, of which [offset, end) covers a part.
Disk::Requests Disk::reads_of_edges(uint64_t offset, uint64_t end, std::byte* into) {
  Requests reads(&requests_);
  reads.reserve(2);
  for (const uint64_t block : {align_down(offset), align_down(end - 1)}) {
    const uint64_t block_end = align_up(block + 1);
    if (block >= offset && block_end <= end) continue;
    if (!reads.empty() && reads.front().offset == block) continue;
    Request& read = reads.emplace_back();
    read.command = Command::read;
    read.offset = block;
    read.length = block_end - block;
    read.data = into;
    into += export_.minimum_block;
  }
  return reads;
}

// Read-modify-write of the blocks that [offset, offset + length), which is held, begins
// and ends within. Whole ones between them are written as they are. An empty from stands
// for zeroes, without a whole block among them.
Task<Status> Disk::modify(std::span<const std::byte> from, uint64_t offset, uint64_t length) {
  const uint64_t end = offset + length;
  std::pmr::vector<std::byte> edges(2 * export_.minimum_block, &edges_);
  Requests blocks = reads_of_edges(offset, end, edges.data());
  const Status status = co_await Transfer(remote_, blocks);
  if (!status.ok()) co_return status;

  const uint64_t middle = align_up(offset);
  const uint64_t middle_end = std::max(middle, end == export_.size ? end : align_down(end));
  // The remote only looks at it.
  auto* const data =
      middle_end > middle ? const_cast<std::byte*>(from.data()) + (middle - offset) : nullptr;
  Requests writes = split(Command::write, data, middle, middle_end - middle);
  for (Request& block : blocks) {
    const uint64_t first = std::max(block.offset, offset);
    const uint64_t count = std::min(block.offset + block.length, end) - first;
    std::byte* const target = block.data + (first - block.offset);
    if (from.empty()) {
      std::memset(target, 0, count);
    } else {
      std::memcpy(target, from.data() + (first - offset), count);
    }
    block.command = Command::write;
    writes.push_back(block);
  }
  co_return co_await Transfer(remote_, writes);
}

Task<Status> Disk::zero(uint64_t offset, uint64_t length, bool allocate) {
  if (length == 0) co_return nbd::kOk;
  const uint64_t end = offset + length;
  dirty_.store(true, std::memory_order_release);
  RangeLock::Held held(ranges_, align_down(offset), align_up(end));
  if (export_.minimum_block > 1) co_await held.acquired();

  const uint64_t first = align_up(offset);
  const uint64_t last = end == export_.size ? end : align_down(end);
  if (first >= last) co_return co_await modify({}, offset, length);
  if (offset < first) {
    const auto status = co_await modify({}, offset, first - offset);
    if (!status.ok()) co_return status;
  }
  const auto status = co_await zero_blocks(first, last - first, allocate);
  if (!status.ok() || last == end) co_return status;
  co_return co_await modify({}, last, end - last);
}

Task<Status> Disk::zero_blocks(uint64_t offset, uint64_t length, bool allocate) {
  while (length > 0) {
    const uint64_t span = std::min(length, kMaxSpan);
    Status status(ENOTSUP);
    if (export_.can_zero && !zero_refused_.load(std::memory_order_relaxed)) {
      Request request;
      request.command = Command::zero;
      request.offset = offset;
      request.length = span;
      request.allocate = allocate;
      status = co_await Transfer(remote_, {&request, 1});
    }
    if (status == Status(ENOTSUP)) {
      zero_refused_.store(true, std::memory_order_relaxed);
      // Not ?:, of whose two temporary tasks g++ 12 destroys the wrong one.
      if (!allocate && export_.can_trim) {
        status = co_await trim(offset, span);
      } else {
        status = co_await write_zeroes(offset, span);
      }
    }
    if (!status.ok()) co_return status;
    offset += span;
    length -= span;
  }
  co_return nbd::kOk;
}

// For a server that can trim and not zero. What it trims it may leave as it was, so
// where it does not say that there are zeroes now, they are written.
// REQUIRES: aligned.
Task<Status> Disk::trim(uint64_t offset, uint64_t length) {
  Request request;
  request.command = Command::trim;
  request.offset = offset;
  request.length = length;
  // It is advice, so a failure is none.
  const Status trimmed = co_await Transfer(remote_, {&request, 1});
  const uint64_t end = offset + length;
  while (offset < end) {
    uint64_t stretch = end - offset;
    if (trimmed.ok() && export_.can_block_status) {
      const Found data = co_await seek(offset, false);
      if (data.status == Status(ENXIO) || (data.status.ok() && data.offset >= end)) break;
      if (data.status.ok()) {
        offset = align_down(data.offset);
        const Found hole = co_await seek(data.offset, true);
        const uint64_t data_end = hole.status.ok() ? align_up(hole.offset) : end;
        stretch = std::min(data_end, end) - offset;
      }
    }
    const auto status = co_await write_zeroes(offset, stretch);
    if (!status.ok()) co_return status;
    offset += stretch;
  }
  co_return nbd::kOk;
}

Task<Status> Disk::write_zeroes(uint64_t offset, uint64_t length) {
  std::vector<std::byte> zeroes(std::min<uint64_t>(length, kMaxPayload));
  while (length > 0) {
    const uint64_t span = std::min<uint64_t>(length, zeroes.size());
    const auto status = co_await transfer(Command::write, zeroes.data(), offset, span);
    if (!status.ok()) co_return status;
    offset += span;
    length -= span;
  }
  co_return nbd::kOk;
}

Task<Status> Disk::flush() {
  // Cleared first: a write that begins while we flush sets it again.
  const bool was_dirty = dirty_.exchange(false, std::memory_order_acq_rel);
  if (!export_.can_flush) co_return nbd::kOk;
  Request request;
  const auto status = co_await Transfer(remote_, {&request, 1});
  if (!status.ok() && was_dirty) dirty_.store(true, std::memory_order_release);
  co_return status;
}

Task<Found> Disk::seek(uint64_t offset, bool hole) {
  if (offset >= size()) co_return Found(Status(ENXIO));
  if (!export_.can_block_status) co_return Found(hole ? size() : offset);
  for (uint64_t at = offset; at < size();) {
    Request request;
    request.command = Command::block_status;
    request.offset = align_down(at);
    request.length = std::min(kMaxSpan, size() - request.offset);
    const auto status = co_await Transfer(remote_, {&request, 1});
    if (!status.ok()) co_return Found(status);
    const uint64_t before = at;
    for (const Extent& extent : request.extents) {
      const uint64_t extent_end = std::min(extent.offset + extent.length, size());
      if (extent_end <= at) continue;
      if (extent.zero == hole) co_return Found(at);
      at = extent_end;
    }
    if (at == before) co_return Found(Status(EIO));  // an answer that says nothing
  }
  if (hole) co_return Found(size());  // every file ends in a hole
  co_return Found(Status(ENXIO));
}

Task<Found> Disk::count_data() {
  uint64_t at = 0, data = 0;
  for (unsigned i = 0; i < kBlockCountAnswers && export_.can_block_status && at < size(); ++i) {
    Request request;
    request.command = Command::block_status;
    request.offset = at;
    request.length = std::min(kMaxSpan, size() - at);
    const auto status = co_await Transfer(remote_, {&request, 1});
    if (!status.ok()) break;
    const uint64_t before = at;
    for (const Extent& extent : request.extents) {
      const uint64_t end = std::min(extent.offset + extent.length, size());
      if (extent.offset != at || end <= at) break;  // not in order: it is of no use
      if (!extent.zero) data += end - at;
      at = end;
    }
    if (at == before || at != align_down(at)) break;
  }
  co_return Found(data + (size() - at));
}

}  // namespace nbdfuse
