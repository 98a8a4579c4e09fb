// SPDX-License-Identifier: BSD-3-Clause
//
// Which bits are bad, in the three ways of the evil filter. A bit is bad or not by its
// seed and place, whoever reads it, when, and with which others.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "faults/draw.hpp"

namespace nbd::filters {

// A bit of a disk or of a buffer: bit 0 is the lowest of its byte.
struct Bit {
  uint64_t byte;
  unsigned bit;
  bool operator==(const Bit&) const = default;
};

enum class EvilMode : uint8_t { none, cosmic_rays, stuck_bits, stuck_wires };

class BadBits {
 public:
  BadBits() = default;
  // probability: that a bit is bad. stuck: that a bad bit is read as its stuck value.
  // stream: where random numbers begin.
  BadBits(EvilMode mode, double probability, double stuck, uint64_t stream)
      : mode_(mode), probability_(probability), stuck_(stuck), stream_(stream) {}

  // Changes what was read from `offset` on; the bits that are different now. request:
  // tells this read from others.
  std::vector<Bit> spoil(std::span<std::byte> data, uint64_t offset, uint64_t request) const;

 private:
  // Calls found(bit, draw, lane) for each bad bit of [begin, begin + count) in a space of
  // bits; that lane of the draw is free. salt: another makes other bits bad.
  template <class Found>
  void for_each(uint64_t begin, uint64_t count, uint64_t salt, Found&& found) const;

  EvilMode mode_ = EvilMode::none;
  double probability_ = 0, stuck_ = 1;
  uint64_t stream_ = 0;
};

}  // namespace nbd::filters
