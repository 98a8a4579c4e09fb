// SPDX-License-Identifier: BSD-3-Clause
#include <cstring>

#include "base/zero.hpp"
#include "paged-store.hpp"

namespace memory {

namespace {

// A slot points to the page's bytes.
class SparseStore final : public PagedStore {
 public:
  using PagedStore::PagedStore;

 private:
  bool keeps_plain_bytes() const override { return true; }
  std::optional<nbd::Status> read_shared(void* kept, uint64_t, size_t at,
                                         std::span<std::byte> out) override {
    std::memcpy(out.data(), static_cast<std::byte*>(kept) + at, out.size());
    return nbd::kOk;
  }
  nbd::Status read_alone(Slot& slot, uint64_t page, size_t at, std::span<std::byte> out) override {
    return *read_shared(slot.load(std::memory_order_relaxed), page, at, out);
  }
  // What was written counts as allocated, whatever it is.
  bool reads_as_zeroes(void*, uint64_t) override { return false; }

  nbd::Status fill(Slot& slot, uint64_t, size_t at, std::span<const std::byte> in) override {
    auto* bytes = static_cast<std::byte*>(slot.load(std::memory_order_relaxed));
    if (bytes == nullptr) {
      bytes = static_cast<std::byte*>(pool().take());
      if (bytes == nullptr) return nbd::Status(ENOSPC);
      slot.store(bytes, std::memory_order_relaxed);
    }
    std::memcpy(bytes + at, in.data(), in.size());
    return nbd::kOk;
  }

  nbd::Status clear(Slot& slot, uint64_t, size_t at, size_t length) override {
    auto* bytes = static_cast<std::byte*>(slot.load(std::memory_order_relaxed));
    if (length < kPageSize) {
      std::memset(bytes + at, 0, length);
      // A client may trim a page piece by piece.
      if (!nbd::is_zero({bytes, kPageSize})) return nbd::kOk;
    }
    slot.store(nullptr, std::memory_order_relaxed);
    pool().give_back(bytes);
    return nbd::kOk;
  }
};

}  // namespace

std::unique_ptr<Store> make_sparse_store(uint64_t size) {
  return std::make_unique<SparseStore>(size);
}

}  // namespace memory
