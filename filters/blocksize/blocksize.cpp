// SPDX-License-Identifier: BSD-3-Clause
//
// blocksize: any request may come in; what goes out is aligned and not too long.
//
// Reads are widened to whole blocks. A block that a write covers in part is
// read, changed and written; a trim leaves such blocks alone.
//
// Threads: two writes to different parts of one block must not lose each other,
// on whatever connections they come, so a request that reads and writes a block
// is alone among all that write.
#include "../common.hpp"

#include <bit>
#include <cstring>
#include <mutex>
#include <shared_mutex>

namespace {

using nbd::Flags;
using nbd::Next;
using nbd::Status;
using nbd::Support;

constexpr uint64_t kMostData = 64 << 20;  // what plugins take in one request
constexpr uint64_t kMostMinimum = 64 << 10;

struct BlockSize {
  static constexpr auto name = "blocksize";
  static constexpr auto longname = "nbdkit blocksize filter";
  static constexpr auto description = "Make requests fit the plugin's block sizes";
  static constexpr auto help =
      "minblock=<SIZE>               smallest block, and alignment: a power of 2, at most 64K\n"
      "maxdata=<SIZE>                longest read or write\n"
      "maxlen=<SIZE>                 longest other request\n"
      "                              (default: as the plugin wants it)";

  bool config(std::string_view key, std::string_view value) {
    if (key == "minblock") {
      minimum = nbd::parse_size(value);
      if (!std::has_single_bit(minimum) || minimum > kMostMinimum) {
        nbd::filters::bad_value(key, "a power of 2, at most 64K", value);
      }
    } else if (key == "maxdata") {
      if ((max_data = nbd::parse_size(value)) == 0) nbd::filters::bad_value(key, "a size", value);
    } else if (key == "maxlen") {
      if ((max_length = nbd::parse_size(value)) == 0) nbd::filters::bad_value(key, "a size", value);
    } else {
      return false;
    }
    return true;
  }
  void config_complete() const {
    if (minimum != 0) check(minimum, max_data, max_length);
  }

  static void check(uint64_t block, uint64_t data, uint64_t length) {
    if (data % block != 0 || length % block != 0) {
      throw nbd::Error(std::string(data % block != 0 ? "maxdata=" : "maxlen=") +
                       std::to_string(data % block != 0 ? data : length) +
                       " is no multiple of the smallest block, " + std::to_string(block));
    }
  }

  uint64_t minimum = 0, max_data = 0, max_length = 0;  // 0: not given
  std::shared_mutex blocks_change;

  struct Connection {
    Connection(BlockSize& filter, Next& next) : filter_(filter) {
      const nbd::BlockSize& below = next.properties().block_size;
      block_ = filter.minimum != 0 ? filter.minimum : std::max<uint64_t>(below.minimum, 1);
      const uint64_t most = below.maximum != 0 ? below.maximum : kMostData;
      max_data_ = filter.max_data != 0 ? filter.max_data
                                       : down(std::max(std::min(most, kMostData), block_));
      max_length_ = filter.max_length != 0 ? filter.max_length : down(UINT32_MAX);
      check(block_, max_data_, max_length_);
      size_ = down(next.size());
    }

    void properties(nbd::Properties& p) const {
      p.size = size_;
      p.block_size = {.minimum = 1,
                      .preferred = std::max<uint32_t>(
                          {4096, p.block_size.preferred, static_cast<uint32_t>(block_)}),
                      .maximum = UINT32_MAX};
      for (const nbd::Op op : {nbd::Op::write, nbd::Op::zero}) {
        nbd::filters::waits_like(p, op, p, nbd::Op::read);
        nbd::filters::waits_like(p, op, p, nbd::Op::write);
      }
    }

    Status pread(Next& next, std::span<std::byte> buf, uint64_t offset, Flags flags) const {
      return split(buf.size(), offset, max_data_, [&](uint64_t n, uint64_t at) {
        const auto part = buf.subspan(at - offset, n);
        if (is_whole(n, at)) return next.pread(part, at, flags);
        std::vector<std::byte> block(block_);
        const Status s = next.pread(block, down(at), flags);
        if (s.ok()) std::memcpy(part.data(), block.data() + (at - down(at)), n);
        return s;
      });
    }

    Status pwrite(Next& next, std::span<const std::byte> buf, uint64_t offset, Flags flags) {
      return change(
          next, buf.size(), offset, max_data_, flags, [&](uint64_t n, uint64_t at, Flags f) {
            const auto part = buf.subspan(at - offset, n);
            if (is_whole(n, at)) return next.pwrite(part, at, f);
            return patch(next, n, at, f, [&](std::byte* to) { std::memcpy(to, part.data(), n); });
          });
    }
    Status zero(Next& next, uint64_t count, uint64_t offset, Flags flags) {
      // Reading and writing blocks is what a fast zero asks not to be done.
      if (has(flags, Flags::fast_zero) && !is_whole(count, offset)) return Status(EOPNOTSUPP);
      return change(next, count, offset, max_length_, flags, [&](uint64_t n, uint64_t at, Flags f) {
        if (is_whole(n, at)) return next.zero(n, at, f);
        return patch(next, n, at, f & Flags::fua, [&](std::byte* to) { std::memset(to, 0, n); });
      });
    }
    Status trim(Next& next, uint64_t count, uint64_t offset, Flags flags) const {
      const uint64_t begin = up(offset), end = down(offset + count);
      if (begin >= end) return nbd::kOk;
      return nbd::filters::in_pieces(
          next.properties(), end - begin, begin, max_length_, flags,
          [&](uint64_t n, uint64_t at, Flags f) { return next.trim(n, at, f); });
    }
    Status cache(Next& next, uint64_t count, uint64_t offset, Flags flags) const {
      const uint64_t begin = down(offset), end = up(offset + count);
      return nbd::filters::in_pieces(
          next.properties(), end - begin, begin, max_length_, flags,
          [&](uint64_t n, uint64_t at, Flags f) { return next.cache(n, at, f); });
    }
    // What is said of a part of a block holds for that part: nothing is rounded.
    Status extents(Next& next, uint64_t count, uint64_t offset, Flags flags,
                   nbd::Extents& out) const {
      const uint64_t begin = down(offset);
      const uint64_t length = std::min(up(offset + count) - begin, max_length_);
      nbd::Extents below(begin, size_);
      // The first one may end before `offset`.
      if (begin != offset) flags = without(flags, Flags::req_one);
      if (const Status s = next.extents(length, begin, flags, below); !s.ok()) return s;
      bool fits = nbd::filters::append(out, begin, below);
      if (begin + below.covered() <= offset) {  // no word about it: then it is data
        fits =
            fits && out.add(begin + below.covered(), begin + block_ - begin - below.covered(), 0);
      }
      return fits && out.covered() > 0 ? nbd::kOk : Status(EIO);
    }

   private:
    uint64_t down(uint64_t n) const { return n & ~(block_ - 1); }
    uint64_t up(uint64_t n) const { return down(n + block_ - 1); }
    bool is_whole(uint64_t count, uint64_t offset) const {
      return ((count | offset) & (block_ - 1)) == 0;
    }

    // Runs piece(count, offset) over the range: either whole blocks, `most` bytes
    // at most, or a part of one block.
    template <class Piece>
    Status split(uint64_t count, uint64_t offset, uint64_t most, Piece&& piece) const {
      const uint64_t end = offset + count;
      while (offset < end) {
        uint64_t n = std::min(down(end - offset), most);
        if (offset != down(offset) || n == 0) n = std::min(down(offset) + block_, end) - offset;
        if (const Status s = piece(n, offset); !s.ok()) return s;
        offset += n;
      }
      return nbd::kOk;
    }

    // The same for what writes: piece(count, offset, flags).
    template <class Piece>
    Status change(Next& next, uint64_t count, uint64_t offset, uint64_t most, Flags flags,
                  Piece&& piece) {
      std::shared_lock shared(filter_.blocks_change, std::defer_lock);
      std::unique_lock alone(filter_.blocks_change, std::defer_lock);
      if (is_whole(count, offset)) {
        shared.lock();
      } else {
        alone.lock();
      }
      const bool once = next.properties().can_fua == Support::emulate;  // one flush does it
      return split(count, offset, most, [&](uint64_t n, uint64_t at) {
        const bool last = at + n == offset + count;
        return piece(n, at, once && !last ? without(flags, Flags::fua) : flags);
      });
    }

    // Changes a part of one block, with change_bytes(where it is in memory).
    template <class Change>
    Status patch(Next& next, uint64_t, uint64_t at, Flags flags, Change&& change_bytes) const {
      std::vector<std::byte> block(block_);
      if (const Status s = next.pread(block, down(at), Flags::none); !s.ok()) return s;
      change_bytes(block.data() + (at - down(at)));
      return next.pwrite(block, down(at), flags);
    }

    BlockSize& filter_;
    uint64_t block_ = 1, max_data_ = 0, max_length_ = 0, size_ = 0;
  };
};

}  // namespace

NBDKIT_FILTER(BlockSize)
