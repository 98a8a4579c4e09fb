// SPDX-License-Identifier: BSD-3-Clause
#include "page-table.hpp"

#include <new>

namespace memory {

PageTable::PageTable(uint64_t disk_size, PagePool& pool) : pool_(pool), root_(new_node()) {
  if (root_ == nullptr) throw std::bad_alloc();
  uint64_t pages = disk_size / kPageSize + 1;
  while ((pages >>= kSlotBits) != 0) ++depth_;
}

PageTable::Slot* PageTable::find(uint64_t page) const {
  Node* leaf = node_at(page, 1);
  return leaf != nullptr ? &leaf->slots[index(page, 1)] : nullptr;
}

PageTable::Slot* PageTable::find_or_make(uint64_t page) {
  Node* node = root_;
  for (unsigned level = depth_; level > 1; --level) {
    node = child_or_make(node->slots[index(page, level)]);
    if (node == nullptr) return nullptr;
  }
  return &node->slots[index(page, 1)];
}

uint64_t PageTable::end_of_missing(uint64_t page) const {
  const Node* node = root_;
  unsigned level = depth_;
  for (; level > 1; --level) {
    node = child(*node, page, level);
    if (node == nullptr) break;
  }
  const unsigned shift = kSlotBits * (level - 1);
  return ((page >> shift) + 1) << shift;
}

bool PageTable::seems_unused(uint64_t page) const {
  const Node* leaf = node_at(page, 1);
  // From the page on: who trims upwards meets the next one at once.
  return leaf != nullptr && is_unused(*leaf, index(page, 1));
}

void PageTable::prune(uint64_t page) {
  for (unsigned level = 1; level < depth_; ++level) {
    Node* node = node_at(page, level);
    if (node == nullptr) continue;
    if (!is_unused(*node, 0)) return;
    Node* above = node_at(page, level + 1);
    above->slots[index(page, level + 1)].store(nullptr, std::memory_order_relaxed);
    pool_.give_back(node);
  }
}

bool PageTable::is_unused(const Node& node, size_t from) {
  for (size_t i = 0; i < kSlots; ++i) {
    if (node.slots[(from + i) % kSlots].load(std::memory_order_relaxed) != nullptr) return false;
  }
  return true;
}

// The node above a page, or nullptr.
PageTable::Node* PageTable::node_at(uint64_t page, unsigned level) const {
  Node* node = root_;
  for (unsigned here = depth_; here > level && node != nullptr; --here) {
    node = child(*node, page, here);
  }
  return node;
}

PageTable::Node* PageTable::new_node() {
  void* block = pool_.take();
  return block != nullptr ? new (block) Node() : nullptr;
}

// Writers of different pages may make the same node: one of them wins.
PageTable::Node* PageTable::child_or_make(Slot& place) {
  void* present = place.load(std::memory_order_acquire);
  if (present != nullptr) return static_cast<Node*>(present);
  Node* made = new_node();
  if (made == nullptr) return nullptr;
  if (place.compare_exchange_strong(present, made, std::memory_order_acq_rel)) return made;
  pool_.give_back(made);
  return static_cast<Node*>(present);
}

}  // namespace memory
