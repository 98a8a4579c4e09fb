// SPDX-License-Identifier: BSD-3-Clause
//
// Disks whose content is a function of the offset alone, 8 bytes at a time.
// word_at(offset) is called for multiples of 8 and returns the bytes there in
// the order of memory; requests may begin and end anywhere.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace words {

template <class WordAt>
void fill(std::span<std::byte> buf, uint64_t offset, WordAt&& word_at) {
  while (!buf.empty()) {
    const size_t skip = offset % 8;
    const uint64_t word = word_at(offset - skip);
    if (skip == 0 && buf.size() >= 8) {
      std::memcpy(buf.data(), &word, 8);  // a constant length: one instruction
      buf = buf.subspan(8);
      offset += 8;
    } else {
      const size_t length = std::min(8 - skip, buf.size());
      std::memcpy(buf.data(), reinterpret_cast<const std::byte*>(&word) + skip, length);
      buf = buf.subspan(length);
      offset += length;
    }
  }
}

// Whether buf holds what fill() would put there.
template <class WordAt>
bool equal(std::span<const std::byte> buf, uint64_t offset, WordAt&& word_at) {
  std::byte piece[4096];
  while (!buf.empty()) {
    const std::span<std::byte> expected(piece, std::min(sizeof piece, buf.size()));
    fill(expected, offset, word_at);
    if (std::memcmp(buf.data(), expected.data(), expected.size()) != 0) return false;
    buf = buf.subspan(expected.size());
    offset += expected.size();
  }
  return true;
}

}  // namespace words
