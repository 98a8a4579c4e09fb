// SPDX-License-Identifier: BSD-3-Clause
//
// offset: a part of the disk is the disk.
#include "../common.hpp"

#include <optional>

namespace {

using nbd::Flags;
using nbd::Next;
using nbd::Status;

struct Offset {
  static constexpr auto name = "offset";
  static constexpr auto longname = "nbdkit offset filter";
  static constexpr auto description = "Serve a part of the disk";
  static constexpr auto help =
      "offset=<OFFSET>               where the part begins (default 0)\n"
      "range=<LENGTH>                how long it is (default: to the end)";

  bool config(std::string_view key, std::string_view value) {
    if (key == "offset") {
      begin = nbd::parse_size(value);
    } else if (key == "range") {
      range = nbd::parse_size(value);
    } else {
      return false;
    }
    return true;
  }

  void properties(nbd::Properties& p) const {
    if (begin > p.size || (range && *range > p.size - begin)) {
      throw nbd::Error("offset=" + std::to_string(begin) +
                       (range ? " range=" + std::to_string(*range) : "") + ": the disk ends at " +
                       std::to_string(p.size));
    }
    check_blocks(p);
    p.size = range.value_or(p.size - begin);
  }

  Status pread(Next& next, std::span<std::byte> buf, uint64_t offset, Flags flags) const {
    return next.pread(buf, begin + offset, flags);
  }
  Status pwrite(Next& next, std::span<const std::byte> buf, uint64_t offset, Flags flags) const {
    return next.pwrite(buf, begin + offset, flags);
  }
  Status trim(Next& next, uint64_t count, uint64_t offset, Flags flags) const {
    return next.trim(count, begin + offset, flags);
  }
  Status zero(Next& next, uint64_t count, uint64_t offset, Flags flags) const {
    return next.zero(count, begin + offset, flags);
  }
  Status cache(Next& next, uint64_t count, uint64_t offset, Flags flags) const {
    return next.cache(count, begin + offset, flags);
  }
  Status extents(Next& next, uint64_t count, uint64_t offset, Flags flags,
                 nbd::Extents& out) const {
    nbd::Extents below(begin + offset, next.size());
    if (const Status s = next.extents(count, begin + offset, flags, below); !s.ok()) return s;
    return nbd::filters::append(out, offset, below) ? nbd::kOk : Status(EIO);
  }

  // What is aligned here must be so below.
  void check_blocks(const nbd::Properties& below) const {
    const uint32_t block = below.block_size.minimum;
    if (block <= 1 || below.block_size.advisory) return;
    const uint64_t end = range ? begin + *range : below.size;
    if (begin % block == 0 && (end % block == 0 || end == below.size)) return;
    throw nbd::Error("offset=" + std::to_string(begin) +
                     (range ? " range=" + std::to_string(*range) : "") +
                     ": the part does not begin and end with a block of " + std::to_string(block) +
                     " bytes (with the filter blocksize below this one it need not)");
  }

  uint64_t begin = 0;
  std::optional<uint64_t> range;
};

}  // namespace

NBDKIT_FILTER(Offset)
