// SPDX-License-Identifier: BSD-3-Clause
//
// swab: the bytes of every 16, 32 or 64-bit word the other way round.
#include "../common.hpp"

#include <vector>

namespace {

using nbd::Flags;
using nbd::Next;
using nbd::Status;

struct Swab {
  static constexpr auto name = "swab";
  static constexpr auto longname = "nbdkit swab filter";
  static constexpr auto description = "Reverse the bytes of words";
  static constexpr auto help = "swab-bits=8|16|32|64          the length of a word (default 16)";

  bool config(std::string_view key, std::string_view value) {
    if (key != "swab-bits") return false;
    word = nbd::filters::one_of<uint32_t>(key, value, {{"8", 1}, {"16", 2}, {"32", 4}, {"64", 8}});
    return true;
  }
  void properties(nbd::Properties& p) const {
    p.size -= p.size % word;
    nbd::BlockSize& b = p.block_size;
    if (b.minimum == 0) b = {.minimum = word, .preferred = 512, .maximum = UINT32_MAX};
    b.minimum = std::max(b.minimum, word);
    if (b.maximum != UINT32_MAX) b.maximum -= b.maximum % b.minimum;
  }

  Status pread(Next& next, std::span<std::byte> buf, uint64_t offset, Flags flags) const {
    if (!is_whole(buf.size(), offset)) return refuse();
    const Status s = next.pread(buf, offset, flags);
    if (s.ok()) swap(buf);
    return s;
  }
  Status pwrite(Next& next, std::span<const std::byte> buf, uint64_t offset, Flags flags) const {
    if (!is_whole(buf.size(), offset)) return refuse();
    if (word == 1) return next.pwrite(buf, offset, flags);
    std::vector<std::byte> swapped(buf.begin(), buf.end());
    swap(swapped);
    return next.pwrite(swapped, offset, flags);
  }
  Status trim(Next& next, uint64_t count, uint64_t offset, Flags flags) const {
    return is_whole(count, offset) ? next.trim(count, offset, flags) : refuse();
  }
  Status zero(Next& next, uint64_t count, uint64_t offset, Flags flags) const {
    return is_whole(count, offset) ? next.zero(count, offset, flags) : refuse();
  }
  Status cache(Next& next, uint64_t count, uint64_t offset, Flags flags) const {
    return is_whole(count, offset) ? next.cache(count, offset, flags) : refuse();
  }
  // Zero is zero either way round, so a part of a word may be asked for.
  Status extents(Next& next, uint64_t count, uint64_t offset, Flags flags,
                 nbd::Extents& out) const {
    const uint64_t from = offset - offset % word;
    if (from != offset) flags = without(flags, Flags::req_one);
    nbd::Extents below(from, next.size());
    if (const Status s = next.extents(count + (offset - from), from, flags, below); !s.ok()) {
      return s;
    }
    // An extent that ends in a word says nothing about that word's bytes.
    uint64_t at = from;
    for (const nbd::Extent& e : below.list()) {
      const uint64_t end = at + e.length, whole_begin = (at + word - 1) / word * word;
      const uint64_t whole_end = end - end % word;
      const auto add = [&](uint64_t to, uint32_t type) {
        const bool fits = at >= to || out.add(at, to - at, type);
        at = std::max(at, to);
        return fits;
      };
      if (!add(std::min(whole_begin, end), 0) || !add(whole_end, e.type) || !add(end, 0)) {
        return Status(EIO);
      }
    }
    // No word about `offset`: then it is data.
    if (out.covered() == 0 && !out.add(at, from + word - at, 0)) return Status(EIO);
    return nbd::kOk;
  }

 private:
  bool is_whole(uint64_t count, uint64_t offset) const { return (count | offset) % word == 0; }
  Status refuse() const {
    nbdkit_error("swab: offset and length have to be multiples of %u bytes", word);
    return Status(EINVAL);
  }
  void swap(std::span<std::byte> buf) const {
    for (size_t at = 0; at + word <= buf.size(); at += word) {
      std::reverse(buf.begin() + static_cast<ptrdiff_t>(at),
                   buf.begin() + static_cast<ptrdiff_t>(at + word));
    }
  }

  uint32_t word = 2;
};

}  // namespace

NBDKIT_FILTER(Swab)
