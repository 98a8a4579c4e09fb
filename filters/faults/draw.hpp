// SPDX-License-Identifier: BSD-3-Clause
//
// Random numbers that do not depend on time or threads: each is a function of the
// seed, of the stream (which rule of which filter), of the index (which of the
// requests that the rule counts) and of the lane (what it decides about that
// request). They can be asked for in any order, and again in another run.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/mix.hpp"

namespace nbd::filters {

// What a number decides. The lanes of damage are as many as there are bits to flip.
enum Lane : uint64_t { kWhether = 0, kWhichError, kHowLong, kHowLong2, kJitter, kDamageLane = 16 };

class Draw {
 public:
  Draw() = default;
  Draw(uint64_t base, uint64_t index) : base_(base), index_(index) {}
  // The beginning of a stream.
  static constexpr uint64_t stream(uint64_t seed, std::string_view name) {
    uint64_t hash = 0xcbf29ce484222325;  // FNV-1a
    for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    return mix(seed ^ mix(hash));
  }

  uint64_t index() const { return index_; }
  uint64_t bits(uint64_t lane) const { return nth_mix(base_ + lane * 0xd1342543de82ef95, index_); }
  // In [0, 1).
  double unit(uint64_t lane) const { return static_cast<double>(bits(lane) >> 11) * 0x1p-53; }
  // In [0, end). REQUIRES: end > 0.
  uint64_t below(uint64_t lane, uint64_t end) const {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(bits(lane)) * end) >> 64);
  }

 private:
  uint64_t base_ = 0, index_ = 0;
};

}  // namespace nbd::filters
