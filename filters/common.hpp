// SPDX-License-Identifier: BSD-3-Clause
//
// What several filters need: parameters that are one of a few words, requests
// that are cut into pieces, data that is zero.
#pragma once

#include <nbdkit/filter.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace nbd::filters {

[[noreturn]] inline void bad_value(std::string_view key, std::string_view expected,
                                   std::string_view value) {
  throw Error(std::string(key) + ": expected " + std::string(expected) + ", got \"" +
              std::string(value) + "\"");
}

// The value that stands for the word.
template <class T>
T one_of(std::string_view key, std::string_view word,
         std::initializer_list<std::pair<std::string_view, T>> words) {
  std::string expected;
  for (const auto& [name, value] : words) {
    if (word == name) return value;
    expected += (expected.empty() ? "" : ", ") + std::string(name);
  }
  bad_value(key, "one of " + expected, word);
}

// If requests of kind `made` lead to such of kind `from`, they wait like those.
inline void waits_like(Properties& p, Op made, const Properties& below, Op from) {
  if (below.blocking.contains(from)) p.blocking.insert(made);
}

// Runs piece(count, offset, flags) over [offset, offset + count), none longer
// than `most`, until one fails. Where FUA is a flush (Support::emulate), the one
// after the last piece is enough; else every piece has to ask for it.
template <class Piece>
Status in_pieces(const Properties& below, uint64_t count, uint64_t offset, uint64_t most,
                 Flags flags, Piece&& piece) {
  const Flags early = below.can_fua == Support::emulate ? without(flags, Flags::fua) : flags;
  while (count > most) {
    if (const Status s = piece(most, offset, early); !s.ok()) return s;
    count -= most;
    offset += most;
  }
  return piece(count, offset, flags);
}

// How much data to move at once, if the layer below takes that much.
inline uint64_t data_piece(const Properties& below, uint64_t wanted) {
  const uint32_t most = below.block_size.maximum;
  return most != 0 ? std::min<uint64_t>(wanted, most) : wanted;
}

// Never written to, so it takes no memory.
inline constexpr size_t kZeroesSize = 64 << 10;
inline constexpr std::array<std::byte, kZeroesSize> kZeroes{};

// Zeroes as data. A fast zero is none of this.
inline Status write_zeroes(Next& next, uint64_t count, uint64_t offset, Flags flags) {
  const Properties& below = next.properties();
  return in_pieces(below, count, offset, data_piece(below, kZeroesSize), flags & Flags::fua,
                   [&](uint64_t n, uint64_t at, Flags f) {
                     return next.pwrite(std::span(kZeroes).first(n), at, f);
                   });
}

// Adds all that `from` has, with its first byte at `offset`.
inline bool append(Extents& out, uint64_t offset, const Extents& from) {
  for (const Extent& e : from.list()) {
    if (!out.add(offset, e.length, e.type)) return false;
    offset += e.length;
  }
  return true;
}

}  // namespace nbd::filters
