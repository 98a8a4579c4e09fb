// SPDX-License-Identifier: BSD-3-Clause
//
// Bytes of some places of a disk: what is written and not yet stored, or what was
// there before.
//
// Threads: none; whoever owns one has a lock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace nbd::filters {

class ByteMap {
 public:
  // Replaces what is known of this range.
  void put(uint64_t offset, std::span<const std::byte> bytes);
  void erase(uint64_t offset, uint64_t count);
  // Copies what is known into a buffer that stands for the disk from `offset` on; how
  // many bytes that were.
  size_t copy_to(uint64_t offset, std::span<std::byte> buffer) const;
  // Forgets about a quarter of it: that which was put there first.
  void forget_oldest();
  void clear();

  size_t size() const { return size_; }  // bytes
  bool empty() const { return size_ == 0; }
  // Calls visit(offset, bytes) for each piece that touches the range, in order; stops
  // when it returns false.
  template <class Visit>
  void visit(uint64_t offset, uint64_t end, Visit&& visit) const {
    auto p = first_after(offset);
    for (; p != pieces_.end() && p->first < end; ++p) {
      if (!visit(p->first, std::span<const std::byte>(p->second.bytes))) return;
    }
  }

 private:
  struct Piece {
    std::vector<std::byte> bytes;
    uint64_t age;  // the smaller, the older
  };
  using Pieces = std::map<uint64_t, Piece>;
  // The first piece that ends behind this place.
  Pieces::const_iterator first_after(uint64_t offset) const;

  Pieces pieces_;  // they do not overlap
  size_t size_ = 0;
  uint64_t next_age_ = 0;
};

}  // namespace nbd::filters
