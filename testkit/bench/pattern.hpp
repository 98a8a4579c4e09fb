// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/mix.hpp"
#include "base/page-aligned.hpp"

namespace testkit::bench {

// What every byte of the disk is once the bench has written it: random bytes that
// begin again after 257 times 4 KiB, a length that no power of two fits into, so
// a block in the wrong place is found. Writes send straight from it and
// checking a read is one memcmp: --verify costs the client little. It stands behind
// the beginning of a page, since a request's header comes first (base/page-aligned.hpp).
class Pattern {
 public:
  static constexpr uint64_t kPeriod = 257 * 4096;

  // longest: bytes that at() may be asked for in one piece.
  explicit Pattern(size_t longest)
      : memory_(nbd::page_aligned(kFront + kPeriod + longest + 8)), bytes_(memory_.get() + kFront) {
    for (size_t i = 0; i + 8 <= kPeriod + longest + 8; i += 8) {
      const uint64_t word = nbd::nth_mix(0, i % kPeriod / 8) | 0x0101010101010101;  // no zeroes
      std::memcpy(bytes_ + i, &word, sizeof word);
    }
  }
  // REQUIRES: what follows is read for at most `longest` bytes.
  const std::byte* at(uint64_t offset) const { return bytes_ + offset % kPeriod; }

 private:
  static constexpr size_t kFront = nbd::kDataAlignment;
  const nbd::PageAligned memory_;
  std::byte* const bytes_;
};

}  // namespace testkit::bench
