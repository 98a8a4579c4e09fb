// SPDX-License-Identifier: BSD-3-Clause
//
// A radix tree of pages. Every node has 2^12 slots; the depth is what the size
// of the disk needs (1 for 128 MiB, 2 for 512 GiB, 4 for 2^63), so the largest
// disk costs one empty root and a lookup in a small one is one step.
//
// Threads: nodes are only ever added, by compare-and-swap, and go with the
// tree. A page's slot and bytes are guarded by the page's lock.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>

#include "store.hpp"

namespace memory {

namespace {

constexpr unsigned kSlotBits = 12;
constexpr uint64_t kSlots = uint64_t{1} << kSlotBits;

struct Node {
  // Above the lowest level: other nodes. There: pages.
  std::atomic<void*> slots[kSlots];
};

Node* new_node() { return static_cast<Node*>(std::calloc(1, sizeof(Node))); }

class SparseStore final : public Store {
 public:
  explicit SparseStore(uint64_t size) {
    uint64_t pages = size / kPageSize + 1;
    while ((pages >>= kSlotBits) != 0) ++depth_;
    root_ = new_node();
    if (root_ == nullptr) throw std::bad_alloc();
  }
  ~SparseStore() override { free_below(root_, depth_); }

  void read(std::span<std::byte> buf, uint64_t offset) override {
    each_page(buf.size(), offset, [&](uint64_t page, uint64_t at, uint64_t length, uint64_t done) {
      const std::shared_lock lock(locks_.of(page));
      const std::byte* bytes = find(page);
      if (bytes != nullptr) {
        std::memcpy(buf.data() + done, bytes + at, length);
      } else {
        std::memset(buf.data() + done, 0, length);
      }
      return true;
    });
  }

  nbd::Status write(std::span<const std::byte> buf, uint64_t offset) override {
    nbd::Status status;
    each_page(buf.size(), offset, [&](uint64_t page, uint64_t at, uint64_t length, uint64_t done) {
      const std::unique_lock lock(locks_.of(page));
      std::byte* bytes = find_or_make(page);
      if (bytes == nullptr) {
        status = nbd::Status(ENOSPC);
        return false;
      }
      std::memcpy(bytes + at, buf.data() + done, length);
      return true;
    });
    return status;
  }

  void zero(uint64_t count, uint64_t offset) override {
    const uint64_t end = offset + count;
    while (offset < end) {
      const uint64_t page = offset / kPageSize;
      Node* leaf = leaf_of(page);
      // A missing node is zeroes as far as it would reach.
      const uint64_t stop = leaf != nullptr ? (page + 1) * kPageSize : end_of_missing(page);
      const uint64_t length = std::min(stop, end) - offset;
      if (leaf != nullptr) zero_in_page(*leaf, page, offset % kPageSize, length);
      offset += length;
    }
  }

  void runs(uint64_t count, uint64_t offset, const EachRun& each) override {
    const uint64_t end = offset + count;
    uint64_t start = offset;
    bool allocated = is_allocated(offset / kPageSize);
    while (offset < end) {
      const uint64_t page = offset / kPageSize;
      const bool here = is_allocated(page);
      if (here != allocated) {
        if (!each(start, offset - start, allocated)) return;
        start = offset;
        allocated = here;
      }
      offset = leaf_of(page) != nullptr ? (page + 1) * kPageSize : end_of_missing(page);
    }
    each(start, std::min(offset, end) - start, allocated);
  }

 private:
  // The level-1 node above a page, or nullptr.
  Node* leaf_of(uint64_t page) const {
    Node* node = root_;
    for (unsigned level = depth_; level > 1 && node != nullptr; --level) {
      node = static_cast<Node*>(slot(*node, page, level).load(std::memory_order_acquire));
    }
    return node;
  }

  static std::atomic<void*>& slot(Node& node, uint64_t page, unsigned level) {
    return node.slots[(page >> (kSlotBits * (level - 1))) % kSlots];
  }

  // Where the highest missing node above a page ends, in bytes.
  uint64_t end_of_missing(uint64_t page) const {
    Node* node = root_;
    unsigned level = depth_;
    for (; level > 1; --level) {
      node = static_cast<Node*>(slot(*node, page, level).load(std::memory_order_acquire));
      if (node == nullptr) break;
    }
    const unsigned shift = kSlotBits * (level - 1);
    const uint64_t next = ((page >> shift) + 1) << shift;
    return next > UINT64_MAX / kPageSize ? UINT64_MAX : next * kPageSize;
  }

  // The rest with the page's lock held.
  std::byte* find(uint64_t page) const {
    Node* leaf = leaf_of(page);
    return leaf != nullptr ? page_in(*leaf, page) : nullptr;
  }
  static std::byte* page_in(Node& leaf, uint64_t page) {
    return static_cast<std::byte*>(slot(leaf, page, 1).load(std::memory_order_relaxed));
  }

  std::byte* find_or_make(uint64_t page) {
    Node* node = root_;
    for (unsigned level = depth_; level > 1; --level) {
      node = child_or_make(slot(*node, page, level));
      if (node == nullptr) return nullptr;
    }
    std::atomic<void*>& place = slot(*node, page, 1);
    void* bytes = place.load(std::memory_order_relaxed);
    if (bytes == nullptr) {
      bytes = std::calloc(1, kPageSize);
      place.store(bytes, std::memory_order_relaxed);
    }
    return static_cast<std::byte*>(bytes);
  }

  // Writers of different pages may make the same node: one of them wins.
  static Node* child_or_make(std::atomic<void*>& place) {
    void* present = place.load(std::memory_order_acquire);
    if (present != nullptr) return static_cast<Node*>(present);
    Node* made = new_node();
    if (made == nullptr) return nullptr;
    if (place.compare_exchange_strong(present, made, std::memory_order_acq_rel)) return made;
    std::free(made);
    return static_cast<Node*>(present);
  }

  bool is_allocated(uint64_t page) {
    const std::shared_lock lock(locks_.of(page));
    return find(page) != nullptr;
  }

  void zero_in_page(Node& leaf, uint64_t page, uint64_t at, uint64_t length) {
    const std::unique_lock lock(locks_.of(page));
    std::byte* bytes = page_in(leaf, page);
    if (bytes == nullptr) return;
    if (length == kPageSize) {
      slot(leaf, page, 1).store(nullptr, std::memory_order_relaxed);
      std::free(bytes);
    } else {
      std::memset(bytes + at, 0, length);
    }
  }

  static void free_below(Node* node, unsigned level) {
    for (std::atomic<void*>& place : node->slots) {
      void* p = place.load(std::memory_order_relaxed);
      if (p == nullptr) continue;
      if (level > 1) {
        free_below(static_cast<Node*>(p), level - 1);
      } else {
        std::free(p);
      }
    }
    std::free(node);
  }

  unsigned depth_ = 1;
  Node* root_;
  PageLocks locks_;
};

}  // namespace

std::unique_ptr<Store> make_sparse_store(uint64_t size) {
  return std::make_unique<SparseStore>(size);
}

}  // namespace memory
