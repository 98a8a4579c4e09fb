// SPDX-License-Identifier: BSD-3-Clause
#include "paged-store.hpp"

#include <cstring>
#include <mutex>

namespace memory {

nbd::Status PagedStore::read(std::span<std::byte> buf, uint64_t offset) {
  return each_page(buf.size(), offset,
                   [&](uint64_t page, size_t at, size_t length, uint64_t done) -> nbd::Status {
                     const std::span<std::byte> out = buf.subspan(done, length);
                     {
                       const std::shared_lock lock(locks_.of(page));
                       Slot* slot = table_.find(page);
                       void* kept =
                           slot != nullptr ? slot->load(std::memory_order_relaxed) : nullptr;
                       if (kept == nullptr) {
                         std::memset(out.data(), 0, out.size());
                         return nbd::kOk;
                       }
                       if (const auto status = read_shared(kept, page, at, out)) return *status;
                     }
                     const std::unique_lock lock(locks_.of(page));
                     Slot* slot = table_.find(page);
                     if (slot == nullptr || slot->load(std::memory_order_relaxed) == nullptr) {
                       std::memset(out.data(), 0, out.size());  // zeroed between the locks
                       return nbd::kOk;
                     }
                     return read_alone(*slot, page, at, out);
                   });
}

bool PagedStore::pages(uint64_t count, uint64_t offset, const EachPiece& each) {
  alignas(4096) static constexpr std::byte kZeroes[kPageSize] = {};
  if (!keeps_plain_bytes() || !pool_.renews_pages()) return false;
  return each_page(
             count, offset,
             [&](uint64_t page, size_t at, size_t length, uint64_t) -> nbd::Status {
               const std::shared_lock lock(locks_.of(page));
               const Slot* slot = table_.find(page);
               const void* kept = slot != nullptr ? slot->load(std::memory_order_relaxed) : nullptr;
               const auto* bytes = kept != nullptr ? static_cast<const std::byte*>(kept) : kZeroes;
               return each({bytes + at, length}) ? nbd::kOk : nbd::Status(EAGAIN);
             })
      .ok();
}

nbd::Status PagedStore::write(std::span<const std::byte> buf, uint64_t offset) {
  return each_page(buf.size(), offset,
                   [&](uint64_t page, size_t at, size_t length, uint64_t done) -> nbd::Status {
                     const std::unique_lock lock(locks_.of(page));
                     Slot* slot = table_.find_or_make(page);
                     if (slot == nullptr) return nbd::Status(ENOSPC);
                     return fill(*slot, page, at, buf.subspan(done, length));
                   });
}

nbd::Status PagedStore::zero(uint64_t count, uint64_t offset) {
  const uint64_t end = offset + count;
  nbd::Status status;
  while (offset < end && status.ok()) {
    const uint64_t page = offset / kPageSize;
    const size_t at = offset % kPageSize;
    const size_t length = std::min<uint64_t>(kPageSize - at, end - offset);
    uint64_t next = page + 1;
    bool unused = false;
    {
      const std::unique_lock lock(locks_.of(page));
      Slot* slot = table_.find(page);
      if (slot == nullptr) {
        next = table_.end_of_missing(page);
      } else {
        if (slot->load(std::memory_order_relaxed) != nullptr) {
          status = clear(*slot, page, at, length);
        }
        // Once for each node that the range touches.
        if (offset + length == end || table_.is_last_of_node(page)) {
          unused = table_.seems_unused(page);
        }
      }
    }
    if (unused) {
      const PageLocks::All alone(locks_);
      table_.prune(page);
    }
    offset = next > end / kPageSize ? end : next * kPageSize;
  }
  after_zero();
  return status;
}

void PagedStore::runs(uint64_t count, uint64_t offset, const EachRun& each) {
  const uint64_t end = offset + count;
  uint64_t start = offset;
  std::optional<bool> run;
  while (offset < end) {
    uint64_t next = 0;
    const bool here = is_allocated(offset / kPageSize, next);
    if (run && here != *run) {
      if (!each(start, offset - start, *run)) return;
      start = offset;
    }
    run = here;
    offset = next > end / kPageSize ? end : next * kPageSize;
  }
  if (run) each(start, end - start, *run);
}

// next: the page after those of which this is true.
bool PagedStore::is_allocated(uint64_t page, uint64_t& next) {
  const std::shared_lock lock(locks_.of(page));
  Slot* slot = table_.find(page);
  next = slot != nullptr ? page + 1 : table_.end_of_missing(page);
  void* kept = slot != nullptr ? slot->load(std::memory_order_relaxed) : nullptr;
  return kept != nullptr && !reads_as_zeroes(kept, page);
}

}  // namespace memory
