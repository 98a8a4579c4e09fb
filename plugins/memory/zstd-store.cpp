// SPDX-License-Identifier: BSD-3-Clause
//
// A slot points to the page compressed. Pages that are used in part are kept
// decompressed for a while, one for each lock: reading or writing a disk in
// small pieces decompresses and compresses each page once and not for every
// piece. What was written is compressed when another page needs the place.
//
// Threads: a page in the cache is at the index of its own lock, so this lock
// guards both, and no other is needed. Whoever holds it shared may read there.
//
// Invariant: a slot holds kInCache if and only if the page is in the cache and
// has been written to there; the table then holds no older copy of it.
#include <malloc.h>

#include <array>
#include <atomic>
#include <cstring>
#include <new>
#include <utility>

#include "base/zero.hpp"
#include "codec.hpp"
#include "paged-store.hpp"

namespace memory {

namespace {

char in_cache_mark;  // only its address counts
void* const kInCache = &in_cache_mark;

constexpr uint64_t kNoPage = UINT64_MAX;

// malloc() keeps what is freed below something in use until it is asked, which
// takes milliseconds.
constexpr uint64_t kTrimAfter = 8 << 20;

struct CachedPage {
  uint64_t page = kNoPage;
  bool written = false;                // newer than what is in the table
  std::unique_ptr<std::byte[]> bytes;  // kPageSize of them, from the first use on
};

Packed* packed_in(void* kept) { return static_cast<Packed*>(kept); }

class ZstdStore final : public PagedStore {
 public:
  ZstdStore(uint64_t size, int level) : PagedStore(size), codec_(level) {}
  ~ZstdStore() override {
    table().each_used([](void* kept) {
      if (kept != kInCache) FreePacked()(packed_in(kept));
    });
  }

 private:
  std::optional<nbd::Status> read_shared(void* kept, uint64_t page, size_t at,
                                         std::span<std::byte> out) override {
    const CachedPage& cached = cached_at(page);
    if (cached.page == page) return copy(cached, at, out);
    if (out.size() < kPageSize) return std::nullopt;  // the rest of it may be next
    return codec_.unpack(*packed_in(kept), out) ? nbd::kOk : nbd::Status(ENOMEM);
  }

  nbd::Status read_alone(Slot& slot, uint64_t page, size_t at, std::span<std::byte> out) override {
    const nbd::Status status = bring_in(slot, page);
    return status.ok() ? copy(cached_at(page), at, out) : status;
  }

  bool reads_as_zeroes(void* kept, uint64_t page) override {
    return kept == kInCache && nbd::is_zero(bytes_of(cached_at(page)));
  }

  nbd::Status fill(Slot& slot, uint64_t page, size_t at, std::span<const std::byte> in) override {
    if (in.size() == kPageSize) return replace(slot, page, in);
    if (slot.load(std::memory_order_relaxed) == nullptr && nbd::is_zero(in)) return nbd::kOk;
    const nbd::Status status = bring_in(slot, page);
    if (!status.ok()) return status;
    CachedPage& cached = cached_at(page);
    std::memcpy(cached.bytes.get() + at, in.data(), in.size());
    mark_written(slot, cached);
    return nbd::kOk;
  }

  nbd::Status clear(Slot& slot, uint64_t page, size_t at, size_t length) override {
    if (length == kPageSize) {
      forget(page);
      put(slot, nullptr);
      return nbd::kOk;
    }
    const nbd::Status status = bring_in(slot, page);
    if (!status.ok()) return status;
    CachedPage& cached = cached_at(page);
    std::memset(cached.bytes.get() + at, 0, length);
    if (nbd::is_zero(bytes_of(cached))) return clear(slot, page, 0, kPageSize);
    mark_written(slot, cached);
    return nbd::kOk;
  }

  void after_zero() override {
    if (freed_.load(std::memory_order_relaxed) < kTrimAfter) return;
    if (freed_.exchange(0) >= kTrimAfter) ::malloc_trim(0);
  }

  // ---- the cache

  CachedPage& cached_at(uint64_t page) { return cache_[PageLocks::index_of(page)]; }
  static std::span<std::byte> bytes_of(const CachedPage& cached) {
    return {cached.bytes.get(), kPageSize};
  }
  static nbd::Status copy(const CachedPage& cached, size_t at, std::span<std::byte> out) {
    std::memcpy(out.data(), cached.bytes.get() + at, out.size());
    return nbd::kOk;
  }

  // Makes it the cached page. If it fails, nothing has changed.
  nbd::Status bring_in(Slot& slot, uint64_t page) {
    CachedPage& cached = cached_at(page);
    if (cached.page == page) return nbd::kOk;
    if (!cached.bytes) cached.bytes.reset(new (std::nothrow) std::byte[kPageSize]);
    if (!cached.bytes || !write_back(cached)) return nbd::Status(ENOSPC);
    cached.page = kNoPage;
    void* kept = slot.load(std::memory_order_relaxed);
    if (kept == nullptr) {
      std::memset(cached.bytes.get(), 0, kPageSize);
    } else if (!codec_.unpack(*packed_in(kept), bytes_of(cached))) {
      return nbd::Status(ENOMEM);
    }
    cached.page = page;
    return nbd::kOk;
  }

  bool write_back(CachedPage& cached) {
    if (!cached.written) return true;
    // There: the mark keeps its node from being removed.
    Slot& slot = *table().find(cached.page);
    if (!store(slot, bytes_of(cached))) return false;
    cached.written = false;
    return true;
  }

  void mark_written(Slot& slot, CachedPage& cached) {
    if (cached.written) return;
    put(slot, kInCache);
    cached.written = true;
  }

  void forget(uint64_t page) {
    CachedPage& cached = cached_at(page);
    if (cached.page != page) return;
    cached.page = kNoPage;
    cached.written = false;
  }

  // ---- the table

  nbd::Status replace(Slot& slot, uint64_t page, std::span<const std::byte> bytes) {
    if (!store(slot, bytes)) return nbd::Status(ENOSPC);
    forget(page);
    return nbd::kOk;
  }

  // Puts the page there compressed; false, and no change, if there is no memory.
  bool store(Slot& slot, std::span<const std::byte> page) {
    if (nbd::is_zero(page)) {
      put(slot, nullptr);
      return true;
    }
    PackedPtr packed = codec_.pack(page);
    if (!packed) return false;
    put(slot, packed.release());
    return true;
  }

  void put(Slot& slot, void* what) {
    void* before = slot.exchange(what, std::memory_order_relaxed);
    if (before == nullptr || before == kInCache) return;
    const PackedPtr old(packed_in(before));
    freed_.fetch_add(old->size, std::memory_order_relaxed);
  }

  Codec codec_;
  std::array<CachedPage, PageLocks::kCount> cache_;
  std::atomic<uint64_t> freed_{0};
};

}  // namespace

std::unique_ptr<Store> make_zstd_store(uint64_t size, int level) {
  return std::make_unique<ZstdStore>(size, level);
}

}  // namespace memory
