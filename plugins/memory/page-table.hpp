// SPDX-License-Identifier: BSD-3-Clause
//
// A radix tree with a slot for every page of the disk. Every node has 2^12
// slots; the depth is what the size of the disk needs (1 for 128 MiB, 2 for
// 512 GiB, 4 for 2^63), so the largest disk costs one empty root and a lookup
// in a small one is one step.
//
// Threads: whoever is in the tree holds a page's lock, and who removes nodes
// holds all of them, so no node goes while somebody looks at it. Nodes are added
// by compare-and-swap, since those of neighbouring pages are the same. A slot
// changes only with its own page's lock held alone.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "page-pool.hpp"
#include "store.hpp"

namespace memory {

class PageTable {
 public:
  using Slot = std::atomic<void*>;  // nullptr: the page is zeroes

  // Nodes come from the pool, which stays the caller's. Throws bad_alloc.
  PageTable(uint64_t disk_size, PagePool& pool);
  PageTable(const PageTable&) = delete;
  PageTable& operator=(const PageTable&) = delete;

  // With the page's lock.
  Slot* find(uint64_t page) const;               // nullptr: no node, so zeroes
  Slot* find_or_make(uint64_t page);             // nullptr: no memory
  uint64_t end_of_missing(uint64_t page) const;  // the first page after the gap
  bool seems_unused(uint64_t page) const;        // the page's node, at this moment
  static bool is_last_of_node(uint64_t page) { return index(page, 1) == kSlots - 1; }

  // With all locks: removes the page's node if it is unused, and those above.
  void prune(uint64_t page);

  // Calls each(what is in it) for every slot that is not empty. Nobody else may
  // be in the tree.
  template <class Each>
  void each_used(Each&& each) const {
    each_below(*root_, depth_, each);
  }

 private:
  static constexpr unsigned kSlotBits = 12;
  static constexpr size_t kSlots = size_t{1} << kSlotBits;
  struct Node {
    Slot slots[kSlots];  // above the lowest level: other nodes
  };
  static_assert(sizeof(Node) <= kPageSize);

  static size_t index(uint64_t page, unsigned level) {
    return (page >> (kSlotBits * (level - 1))) % kSlots;
  }
  static Node* child(const Node& node, uint64_t page, unsigned level) {
    return static_cast<Node*>(node.slots[index(page, level)].load(std::memory_order_acquire));
  }
  static bool is_unused(const Node& node, size_t from);
  Node* node_at(uint64_t page, unsigned level) const;
  Node* new_node();
  Node* child_or_make(Slot& place);

  template <class Each>
  static void each_below(const Node& node, unsigned level, Each& each) {
    for (const Slot& slot : node.slots) {
      void* p = slot.load(std::memory_order_relaxed);
      if (p == nullptr) continue;
      if (level > 1) {
        each_below(*static_cast<Node*>(p), level - 1, each);
      } else {
        each(p);
      }
    }
  }

  PagePool& pool_;
  unsigned depth_ = 1;
  Node* root_;
};

}  // namespace memory
