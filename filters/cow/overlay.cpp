// SPDX-License-Identifier: BSD-3-Clause
#include "overlay.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "../common.hpp"

namespace cow {

using nbd::Disk;
using nbd::Flags;
using nbd::Status;
using Mode = RangeLock::Mode;

namespace {

// Copied at once: large enough that the calls cost little.
constexpr uint64_t kMostCopied = 1 << 20;
// What one reply to a client can carry; he asks again from there.
constexpr size_t kMostExtents = 64 << 10;

Status read_below(Disk& below, std::span<std::byte> buf, uint64_t offset) {
  const nbd::Properties& p = below.properties();
  return nbd::filters::in_pieces(p, buf.size(), offset, nbd::filters::data_piece(p, UINT32_MAX),
                                 Flags::none, [&](uint64_t n, uint64_t at, Flags f) {
                                   return below.pread(buf.subspan(at - offset, n), at, f);
                                 });
}

// What a block is that has no place in the file.
Status read_unkept(Disk& below, State state, std::span<std::byte> buf, uint64_t offset) {
  if (state == State::below) return read_below(below, buf, offset);
  std::memset(buf.data(), 0, buf.size());
  return nbd::kOk;
}

iovec part_of(std::span<const std::byte> bytes) {
  return {const_cast<std::byte*>(bytes.data()), bytes.size()};
}

}  // namespace

Overlay::Overlay(uint64_t size, uint64_t block)
    : size_(size), block_(block), map_((size + block - 1) / block) {}

// ---- Bytes and blocks

Overlay::Blocks Overlay::touched_by(uint64_t count, uint64_t offset) const {
  return {offset / block_, (offset + count - 1) / block_ + 1};
}

// Those that are in the range from their first to their last byte.
Overlay::Blocks Overlay::inside(uint64_t count, uint64_t offset) const {
  const uint64_t first = (offset + block_ - 1) / block_;
  const uint64_t end = offset + count == size_ ? map_.blocks() : (offset + count) / block_;
  return {std::min(first, end), end};
}

// Runs piece(run, count, offset, where in the file, if it has a place) over the
// range, in runs of one state, until one fails.
template <class Piece>
Status Overlay::each_run(uint64_t count, uint64_t offset, Piece&& piece) const {
  const uint64_t end = offset + count, last = touched_by(count, offset).end;
  while (offset < end) {
    const BlockMap::Run run = map_.find(offset / block_, last);
    const uint64_t n = std::min(offset_of(run.end), end) - offset;
    const uint64_t at = run.place * block_ + offset % block_;
    if (const Status s = piece(run, n, offset, at); !s.ok()) return s;
    offset += n;
  }
  return nbd::kOk;
}

// Runs piece(blocks, place) over blocks that have their places one behind the
// other, whether they are kept there or not.
template <class Piece>
Status Overlay::each_place(Blocks blocks, Piece&& piece) {
  while (blocks.first < blocks.end) {
    const auto places = map_.place_of(blocks.first);
    if (!places) return Status(ENOMEM);
    const uint64_t end = std::min(places->end, blocks.end);
    if (const Status s = piece(Blocks{blocks.first, end}, places->first); !s.ok()) return s;
    blocks.first = end;
  }
  return nbd::kOk;
}

// ---- Reading

Status Overlay::read(Disk& below, std::span<std::byte> buf, uint64_t offset) const {
  return each_run(buf.size(), offset,
                  [&](const BlockMap::Run& run, uint64_t n, uint64_t from, uint64_t at) {
                    const auto part = buf.subspan(from - offset, n);
                    if (run.state == State::data) return file_.read(part, at);
                    return read_unkept(below, run.state, part, from);
                  });
}

bool Overlay::try_read(Disk& below, std::span<std::byte> buf, uint64_t offset) const {
  const bool below_tries = below.properties().tries_reads;
  const Status s = each_run(buf.size(), offset,
                            [&](const BlockMap::Run& run, uint64_t n, uint64_t from, uint64_t at) {
                              const auto part = buf.subspan(from - offset, n);
                              bool done = false;
                              if (run.state == State::data) {
                                done = file_.try_read(part, at);
                              } else if (run.state == State::below) {
                                done = below_tries && below.try_pread(part, from);
                              } else {
                                done = read_unkept(below, run.state, part, from).ok();
                              }
                              return done ? nbd::kOk : Status(EAGAIN);
                            });
  return s.ok();
}

Status Overlay::prefetch(Disk& below, uint64_t count, uint64_t offset) const {
  const bool can_cache = below.properties().can_cache != nbd::Support::none;
  return each_run(count, offset,
                  [&](const BlockMap::Run& run, uint64_t n, uint64_t from, uint64_t at) {
                    if (run.state == State::data) file_.prefetch(n, at);
                    const bool ask = run.state == State::below && can_cache;
                    return ask ? below.cache(n, from, Flags::none) : nbd::kOk;
                  });
}

Status Overlay::extents(Disk& below, uint64_t count, uint64_t offset, Flags flags,
                        nbd::Extents& out) const {
  const bool below_tells = below.properties().can_extents;
  const uint64_t end = offset + count, last = touched_by(count, offset).end;
  while (offset < end && out.list().size() < kMostExtents) {
    const BlockMap::Run run = map_.find(offset / block_, last);
    const uint64_t run_end = offset_of(run.end);
    bool fits = true;
    if (run.state == State::below && below_tells) {
      nbd::Extents there(offset, run_end);
      const Status s = below.extents(std::min(run_end, end) - offset, offset, flags, there);
      if (!s.ok()) return out.covered() > 0 ? nbd::kOk : s;
      fits = nbd::filters::append(out, offset, there);
      offset += there.covered();
      if (offset < std::min(run_end, end)) break;  // it says no more
    } else {
      const uint32_t type = run.state == State::hole   ? nbd::kExtentHole | nbd::kExtentZero
                            : run.state == State::zero ? nbd::kExtentZero
                                                       : 0;
      fits = out.add(offset, run_end - offset, type);
      offset = run_end;
    }
    if (!fits) return Status(EIO);
    if (has(flags, Flags::req_one)) break;
  }
  return out.covered() > 0 ? nbd::kOk : Status(EIO);
}

// ---- Writing

bool Overlay::is_data(Blocks blocks) const {
  while (blocks.first < blocks.end) {
    const BlockMap::Run run = map_.find(blocks.first, blocks.end);
    if (run.state != State::data) return false;
    blocks.first = run.end;
  }
  return true;
}

Status Overlay::write(Disk& below, std::span<const std::byte> buf, uint64_t offset) {
  const Blocks blocks = touched_by(buf.size(), offset);
  if (is_data(blocks)) {
    const RangeLock::Held held(locks_, blocks.first, blocks.end, Mode::shared);
    if (is_data(blocks)) return overwrite(buf, offset);
  }
  const RangeLock::Held held(locks_, blocks.first, blocks.end, Mode::alone);
  return write_alone(below, buf, offset);
}

Status Overlay::overwrite(std::span<const std::byte> buf, uint64_t offset) const {
  return each_run(buf.size(), offset,
                  [&](const BlockMap::Run&, uint64_t n, uint64_t from, uint64_t at) {
                    std::array parts{part_of(buf.subspan(from - offset, n))};
                    return file_.write(parts, at);
                  });
}

Status Overlay::write_alone(Disk& below, std::span<const std::byte> buf, uint64_t offset) {
  return each_place(touched_by(buf.size(), offset), [&](Blocks blocks, uint64_t place) {
    const uint64_t from = std::max(offset, offset_of(blocks.first));
    const uint64_t to = std::min(offset + buf.size(), offset_of(blocks.end));
    return write_into(below, buf.subspan(from - offset, to - from), from, place);
  });
}

// Blocks whose places follow `place`, that of the first. What the first and the last
// one have beside `buf` goes with it, unless it is there already.
Status Overlay::write_into(Disk& below, std::span<const std::byte> buf, uint64_t offset,
                           uint64_t place) {
  const Blocks blocks = touched_by(buf.size(), offset);
  const uint64_t begin = offset_of(blocks.first), end = offset_of(blocks.end);
  const State first = map_.find(blocks.first, blocks.end).state;
  const State last = map_.find(blocks.end - 1, blocks.end).state;
  const uint64_t head = first == State::data ? 0 : offset - begin;
  const uint64_t tail = last == State::data ? 0 : end - (offset + buf.size());

  // A small write into one block is most frequent: then one read gets both.
  const bool one = blocks.end - blocks.first == 1 && head != 0 && tail != 0;
  const uint64_t scratch_size = one ? end - begin : head + tail;
  const auto scratch = std::make_unique_for_overwrite<std::byte[]>(scratch_size);
  const std::span all(scratch.get(), scratch_size);
  Status s;
  if (one) {
    s = read_unkept(below, first, all, begin);
  } else {
    if (head != 0) s = read_unkept(below, first, all.first(head), begin);
    if (s.ok() && tail != 0) s = read_unkept(below, last, all.last(tail), end - tail);
  }
  if (!s.ok()) return s;

  std::array parts{part_of(all.first(head)), part_of(buf), part_of(all.last(tail))};
  s = file_.write(parts, place * block_ + (offset - head - begin));
  if (!s.ok()) {
    give_back(blocks);
    return s;
  }
  return map_.set(blocks.first, blocks.end, State::data) ? nbd::kOk : Status(ENOMEM);
}

// What a request that failed has left in places that nothing is kept in.
void Overlay::give_back(Blocks blocks) {
  while (blocks.first < blocks.end) {
    const BlockMap::Run run = map_.find(blocks.first, blocks.end);
    if (!has_place(run.state)) {
      const Status s = each_place({blocks.first, run.end}, [&](Blocks part, uint64_t place) {
        file_.discard((part.end - part.first) * block_, place * block_);
        return nbd::kOk;
      });
      if (!s.ok()) return;
    }
    blocks.first = run.end;
  }
}

// ---- Zeroes

Status Overlay::trim(uint64_t count, uint64_t offset) {
  const Blocks blocks = inside(count, offset);
  if (blocks.first == blocks.end) return nbd::kOk;
  const RangeLock::Held held(locks_, blocks.first, blocks.end, Mode::alone);
  return release(blocks);
}

Status Overlay::zero(Disk& below, uint64_t count, uint64_t offset, Flags flags) {
  const uint64_t end = offset + count;
  const Blocks all = touched_by(count, offset), whole = inside(count, offset);
  const bool is_whole = whole.first == all.first && whole.end == all.end;
  // Its parts may have to be read and written, which is what it asks not to be done.
  if (has(flags, Flags::fast_zero) && !is_whole) return Status(EOPNOTSUPP);

  const RangeLock::Held held(locks_, all.first, all.end, Mode::alone);
  if (whole.first == whole.end) {
    // Of one block, or of two neighbours.
    const uint64_t to = std::min(end, offset_of(all.first + 1));
    Status s = zero_part(below, to - offset, offset, flags);
    if (s.ok() && to < end) s = zero_part(below, end - to, to, flags);
    return s;
  }
  const uint64_t begin = offset_of(whole.first), stop = offset_of(whole.end);
  if (offset < begin) {
    if (const Status s = zero_part(below, begin - offset, offset, flags); !s.ok()) return s;
  }
  const Status s = has(flags, Flags::may_trim) ? release(whole) : provide(whole, flags);
  if (!s.ok() || stop == end) return s;
  return zero_part(below, end - stop, stop, flags);
}

// Of one block.
Status Overlay::zero_part(Disk& below, uint64_t count, uint64_t offset, Flags flags) {
  const uint64_t block = offset / block_;
  const State state = map_.find(block, block + 1).state;
  if (state == State::zero) return nbd::kOk;
  if (state == State::hole) {
    return has(flags, Flags::may_trim) ? nbd::kOk : provide({block, block + 1}, flags);
  }
  const std::vector<std::byte> zeroes(count);
  return write_alone(below, zeroes, offset);
}

Status Overlay::release(Blocks blocks) {
  for (uint64_t block = blocks.first; block < blocks.end;) {
    const BlockMap::Run run = map_.find(block, blocks.end);
    if (has_place(run.state)) file_.discard((run.end - block) * block_, run.place * block_);
    block = run.end;
  }
  return map_.set(blocks.first, blocks.end, State::hole) ? nbd::kOk : Status(ENOMEM);
}

// Zeroes that nothing has to be found room for later. If there is not room for all,
// none is taken.
Status Overlay::provide(Blocks blocks, Flags flags) {
  uint64_t block = blocks.first;
  Status s;
  while (s.ok() && block < blocks.end) {
    const BlockMap::Run run = map_.find(block, blocks.end);
    if (!has_place(run.state)) {
      s = each_place({block, run.end}, [&](Blocks part, uint64_t place) {
        block = part.end;
        const uint64_t count = (part.end - part.first) * block_;
        const Status provided = file_.provide(count, place * block_);
        const bool slowly = provided.errnum() == EOPNOTSUPP && !has(flags, Flags::fast_zero);
        return slowly ? write_zeroes(count, place * block_) : provided;
      });
    }
    if (s.ok()) block = run.end;
  }
  if (!s.ok()) {
    give_back({blocks.first, block});
    return s;
  }
  return map_.set(blocks.first, blocks.end, State::zero) ? nbd::kOk : Status(ENOMEM);
}

Status Overlay::write_zeroes(uint64_t count, uint64_t at) const {
  while (count > 0) {
    const uint64_t n = std::min<uint64_t>(count, nbd::filters::kZeroesSize);
    std::array parts{part_of(std::span(nbd::filters::kZeroes).first(n))};
    if (const Status s = file_.write(parts, at); !s.ok()) return s;
    count -= n;
    at += n;
  }
  return nbd::kOk;
}

// ---- Copying what is below

Status Overlay::fetch(Disk& below, uint64_t count, uint64_t offset) {
  const Blocks all = touched_by(count, offset);
  const uint64_t most = std::max<uint64_t>(kMostCopied / block_, 1);
  std::unique_ptr<std::byte[]> scratch;
  for (uint64_t block = all.first; block < all.end;) {
    const BlockMap::Run run = map_.find(block, all.end);
    if (run.state != State::below) {
      block = run.end;
      continue;
    }
    const Blocks part{block, std::min(block + most, run.end)};
    const uint64_t bytes = std::min(most, all.end - all.first) * block_;
    if (scratch == nullptr) scratch = std::make_unique_for_overwrite<std::byte[]>(bytes);
    const RangeLock::Held held(locks_, part.first, part.end, Mode::alone);
    if (const Status s = fetch_alone(below, part, {scratch.get(), bytes}); !s.ok()) return s;
    block = part.end;
  }
  return nbd::kOk;
}

// Those that are still below, now that nobody else can take them from there.
Status Overlay::fetch_alone(Disk& below, Blocks blocks, std::span<std::byte> scratch) {
  while (blocks.first < blocks.end) {
    const BlockMap::Run run = map_.find(blocks.first, blocks.end);
    if (run.state == State::below) {
      const uint64_t from = offset_of(blocks.first);
      const auto bytes = scratch.first(offset_of(run.end) - from);
      if (const Status s = read_below(below, bytes, from); !s.ok()) return s;
      if (const Status s = write_alone(below, bytes, from); !s.ok()) return s;
    }
    blocks.first = run.end;
  }
  return nbd::kOk;
}

}  // namespace cow
