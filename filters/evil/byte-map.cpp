// SPDX-License-Identifier: BSD-3-Clause
#include "evil/byte-map.hpp"

#include <algorithm>
#include <cstring>

namespace nbd::filters {

ByteMap::Pieces::const_iterator ByteMap::first_after(uint64_t offset) const {
  auto p = pieces_.upper_bound(offset);
  if (p != pieces_.begin()) {
    const auto before = std::prev(p);
    if (before->first + before->second.bytes.size() > offset) return before;
  }
  return p;
}

void ByteMap::put(uint64_t offset, std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  erase(offset, bytes.size());
  pieces_[offset] = {{bytes.begin(), bytes.end()}, next_age_++};
  size_ += bytes.size();
}

void ByteMap::erase(uint64_t offset, uint64_t count) {
  const uint64_t end = offset + count;
  for (auto p = first_after(offset); p != pieces_.end() && p->first < end;) {
    const uint64_t begin = p->first;
    Piece piece = std::move(pieces_.find(begin)->second);
    p = pieces_.erase(p);
    size_ -= piece.bytes.size();
    const uint64_t piece_end = begin + piece.bytes.size();
    if (piece_end > end) {
      const auto tail = static_cast<std::ptrdiff_t>(end - begin);
      size_ += piece_end - end;
      p = pieces_.insert({end, {{piece.bytes.begin() + tail, piece.bytes.end()}, piece.age}}).first;
    }
    if (begin < offset) {
      piece.bytes.resize(offset - begin);
      size_ += piece.bytes.size();
      pieces_[begin] = std::move(piece);
    }
  }
}

size_t ByteMap::copy_to(uint64_t offset, std::span<std::byte> buffer) const {
  const uint64_t end = offset + buffer.size();
  size_t copied = 0;
  visit(offset, end, [&](uint64_t at, std::span<const std::byte> bytes) {
    const uint64_t from = std::max(at, offset), to = std::min(at + bytes.size(), end);
    std::memcpy(buffer.data() + (from - offset), bytes.data() + (from - at), to - from);
    copied += to - from;
    return true;
  });
  return copied;
}

void ByteMap::forget_oldest() {
  if (pieces_.empty()) return;
  std::vector<uint64_t> ages;
  for (const auto& [offset, piece] : pieces_) ages.push_back(piece.age);
  const auto quarter = ages.begin() + static_cast<std::ptrdiff_t>(ages.size() / 4);
  std::nth_element(ages.begin(), quarter, ages.end());
  std::erase_if(pieces_, [&](const auto& entry) {
    const bool old = entry.second.age <= *quarter;
    if (old) size_ -= entry.second.bytes.size();
    return old;
  });
}

void ByteMap::clear() {
  pieces_.clear();
  size_ = 0;
}

}  // namespace nbd::filters
