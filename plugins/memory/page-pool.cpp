// SPDX-License-Identifier: BSD-3-Clause
#include "page-pool.hpp"

#include <sys/mman.h>

#include <cstring>
#include <new>

#include "store.hpp"

namespace memory {

namespace {

// A small disk does not map much more than it needs, a full one of a terabyte
// stays within the mappings that a process may have.
constexpr size_t kBlocksPerSlab = 64;
constexpr size_t kSlabSize = kBlocksPerSlab * kPageSize;

}  // namespace

PagePool::~PagePool() {
  for (void* slab : slabs_) ::munmap(slab, kSlabSize);
}

void* PagePool::take() {
  const std::lock_guard lock(mutex_);
  if (free_.empty() && !map_more()) return nullptr;
  void* block = free_.back();
  free_.pop_back();
  return block;
}

void PagePool::give_back(void* block) {
  // It refuses locked memory (nbdkit --swap), which stays ours.
  if (::madvise(block, kPageSize, MADV_DONTNEED) == -1) std::memset(block, 0, kPageSize);
  const std::lock_guard lock(mutex_);
  free_.push_back(block);
}

bool PagePool::renews_pages() {
  std::call_once(asked_, [&] {
    void* block = take();
    if (block == nullptr) return;
    renews_pages_ = ::madvise(block, kPageSize, MADV_DONTNEED) == 0;
    give_back(block);
  });
  return renews_pages_;
}

bool PagePool::map_more() {
  void* slab =
      ::mmap(nullptr, kSlabSize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (slab == MAP_FAILED) return false;
  try {
    // So that give_back() never needs memory. Doubling keeps this cheap.
    const size_t blocks = (slabs_.size() + 1) * kBlocksPerSlab;
    if (free_.capacity() < blocks) free_.reserve(2 * blocks);
    slabs_.push_back(slab);
  } catch (const std::bad_alloc&) {
    ::munmap(slab, kSlabSize);
    return false;
  }
  // The last one is taken first: in ascending order.
  for (size_t i = kBlocksPerSlab; i-- > 0;) {
    free_.push_back(static_cast<std::byte*>(slab) + i * kPageSize);
  }
  return true;
}

}  // namespace memory
