// SPDX-License-Identifier: BSD-3-Clause
//
// protect: some ranges of the disk cannot be changed.
//
// A request that writes what is there already is no change. What a protected
// range holds is compared before anything is written, and the range itself is
// left out of what is passed on.
#include "../common.hpp"

#include <cstring>
#include <vector>

#include "base/parse.hpp"

namespace {

using nbd::Flags;
using nbd::Next;
using nbd::Op;
using nbd::Status;

struct Range {
  uint64_t begin, end;  // without `end`
};

struct Protect {
  static constexpr auto name = "protect";
  static constexpr auto longname = "nbdkit protect filter";
  static constexpr auto description = "Protect parts of the disk from writes";
  static constexpr auto help =
      "protect=[<START>]-[<END>]     these bytes cannot be changed, END included\n"
      "protect=~<START>-<END>        nor can all others; may be given several times";

  bool config(std::string_view key, std::string_view value) {
    if (key != "protect") return false;
    const bool others = value.starts_with('~');
    const std::string_view range = value.substr(others ? 1 : 0);
    const size_t dash = range.find('-');
    if (dash == std::string_view::npos) nbd::filters::bad_value(key, "START-END", value);
    const uint64_t begin = number(range.substr(0, dash), 0);
    const uint64_t last = number(range.substr(dash + 1), UINT64_MAX - 1);
    if (begin > last) nbd::filters::bad_value(key, "a START that is not behind END", value);
    if (!others) {
      ranges_.push_back({begin, last + 1});
    } else {
      if (begin > 0) ranges_.push_back({0, begin});
      ranges_.push_back({last + 1, UINT64_MAX});
    }
    return true;
  }
  // In order, and none touches the next.
  void config_complete() {
    std::sort(ranges_.begin(), ranges_.end(),
              [](const Range& a, const Range& b) { return a.begin < b.begin; });
    std::vector<Range> joined;
    for (const Range& r : ranges_) {
      if (!joined.empty() && r.begin <= joined.back().end) {
        joined.back().end = std::max(joined.back().end, r.end);
      } else {
        joined.push_back(r);
      }
    }
    ranges_ = std::move(joined);
  }

  void properties(nbd::Properties& p) const {
    for (const Op op : {Op::write, Op::trim, Op::zero}) {
      nbd::filters::waits_like(p, op, p, Op::read);
    }
  }

  Status pwrite(Next& next, std::span<const std::byte> buf, uint64_t offset, Flags flags) const {
    return guarded(
        next, buf.size(), offset, [&](uint64_t at) { return buf.data() + (at - offset); },
        [&](uint64_t n, uint64_t at) {
          return next.pwrite(buf.subspan(at - offset, n), at, flags);
        });
  }
  // What is trimmed may read as anything; here, as zero.
  Status trim(Next& next, uint64_t count, uint64_t offset, Flags flags) const {
    return guarded(next, count, offset, zeroes,
                   [&](uint64_t n, uint64_t at) { return next.trim(n, at, flags); });
  }
  Status zero(Next& next, uint64_t count, uint64_t offset, Flags flags) const {
    return guarded(next, count, offset, zeroes,
                   [&](uint64_t n, uint64_t at) { return next.zero(n, at, flags); });
  }

 private:
  static uint64_t number(std::string_view text, uint64_t otherwise) {
    return text.empty() ? otherwise : nbd::parse_unsigned("protect", text, UINT64_MAX - 1);
  }
  static const std::byte* zeroes(uint64_t) { return nbd::filters::kZeroes.data(); }

  // wanted(offset): what is to be there, kZeroesSize bytes or up to the end.
  template <class Wanted, class Write>
  Status guarded(Next& next, uint64_t count, uint64_t offset, Wanted&& wanted,
                 Write&& write) const {
    const uint64_t end = offset + count;
    for (const Range& r : ranges_) {
      const uint64_t from = std::max(r.begin, offset), to = std::min(r.end, end);
      if (from >= to) continue;
      if (const Status s = compare(next, from, to, wanted); !s.ok()) return s;
    }
    // Blocks of which only a part is protected are passed on: it stays as it is.
    const uint64_t block = std::max<uint64_t>(next.properties().block_size.minimum, 1);
    uint64_t at = offset;
    for (const Range& r : ranges_) {
      if (r.end <= at) continue;
      if (r.begin >= end) break;
      const uint64_t from = up(r.begin, block), to = r.end >= end ? end : down(r.end, block);
      if (from >= to || to <= at) continue;
      if (from > at) {
        if (const Status s = write(from - at, at); !s.ok()) return s;
      }
      at = to;
    }
    return at < end ? write(end - at, at) : nbd::kOk;
  }

  template <class Wanted>
  static Status compare(Next& next, uint64_t from, uint64_t to, Wanted&& wanted) {
    const nbd::Properties& p = next.properties();
    const uint64_t block = std::max<uint64_t>(p.block_size.minimum, 1);
    const uint64_t begin = down(from, block), end = std::min(up(to, block), p.size);
    const uint64_t most = nbd::filters::data_piece(p, nbd::filters::kZeroesSize);
    std::vector<std::byte> there(std::min(end - begin, most));
    return nbd::filters::in_pieces(
        p, end - begin, begin, most, Flags::none, [&](uint64_t n, uint64_t at, Flags f) {
          if (const Status s = next.pread(std::span(there).first(n), at, f); !s.ok()) return s;
          const uint64_t first = std::max(at, from), last = std::min(at + n, to);
          if (std::memcmp(there.data() + (first - at), wanted(first), last - first) == 0) {
            return nbd::kOk;
          }
          nbdkit_error("protect: a write would change the protected bytes %llu-%llu",
                       static_cast<unsigned long long>(first),
                       static_cast<unsigned long long>(last - 1));
          return Status(EPERM);
        });
  }
  static uint64_t down(uint64_t n, uint64_t block) { return n - n % block; }
  static uint64_t up(uint64_t n, uint64_t block) {
    return n % block == 0 ? n : down(n, block) + block;
  }

  std::vector<Range> ranges_;
};

}  // namespace

NBDKIT_FILTER(Protect)
