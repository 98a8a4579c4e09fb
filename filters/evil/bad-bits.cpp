// SPDX-License-Identifier: BSD-3-Clause
//
// Bits are few and far between, so it is not asked of each whether it is bad: the way
// from one to the next is drawn (a geometric distribution). So that any part of a disk
// can be looked at without all before it, the ways begin anew in every block.
#include "evil/bad-bits.hpp"

#include <algorithm>
#include <cmath>

namespace nbd::filters {

namespace {
constexpr uint64_t kBlock = uint64_t{1} << 19;  // bits: 64 KiB
}

template <class Found>
void BadBits::for_each(uint64_t begin, uint64_t count, uint64_t salt, Found&& found) const {
  if (probability_ <= 0) return;
  const uint64_t end = begin + count;
  const double log_good = std::log1p(-probability_);  // -infinity if all are bad
  for (uint64_t block = begin / kBlock; block * kBlock < end; ++block) {
    const Draw draw(mix(stream_ + salt), block);
    uint64_t at = 0;  // in the block
    for (uint64_t lane = 0;; lane += 3) {
      const double way = std::floor(std::log1p(-draw.unit(lane)) / log_good);
      if (!(way < static_cast<double>(kBlock - at))) break;
      at += static_cast<uint64_t>(way);
      const uint64_t bit = block * kBlock + at;
      if (bit >= end) break;
      if (bit >= begin) found(bit, draw, lane + 1);
      if (++at >= kBlock) break;
    }
  }
}

std::vector<Bit> BadBits::spoil(std::span<std::byte> data, uint64_t offset,
                                uint64_t request) const {
  std::vector<Bit> changed;
  if (mode_ == EvilMode::none) return changed;
  // Wires end where data does, bits of the disk have their place on it. For what
  // happens to this read alone the salt is its own.
  const uint64_t begin = mode_ == EvilMode::stuck_wires ? 0 : offset * 8;
  const uint64_t salt = mode_ == EvilMode::cosmic_rays ? mix(request) : 0;
  for_each(begin, data.size() * 8, salt, [&](uint64_t bit, const Draw& draw, uint64_t lane) {
    const uint64_t at = (bit - begin) / 8;
    const auto mask = static_cast<std::byte>(1u << (bit % 8));
    if (mode_ != EvilMode::cosmic_rays) {
      const bool high = (draw.bits(lane) & 1) != 0;
      if (((data[at] & mask) != std::byte{}) == high) return;
      // Whether it sticks this time is a matter of this read and this bit.
      if (stuck_ < 1 && Draw(mix(stream_ + mix(request)), bit).unit(1) >= stuck_) return;
    }
    data[at] ^= mask;
    changed.push_back({offset + at, static_cast<unsigned>(bit % 8)});
  });
  return changed;
}

}  // namespace nbd::filters
