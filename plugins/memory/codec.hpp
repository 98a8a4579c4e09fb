// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <zstd.h>

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "store.hpp"

namespace memory {

// A page as it is kept: compressed, or as it was if that is no larger.
struct Packed {
  size_t size;  // of the bytes behind it; kPageSize: not compressed
  std::byte* bytes() { return reinterpret_cast<std::byte*>(this + 1); }
  const std::byte* bytes() const { return reinterpret_cast<const std::byte*>(this + 1); }
};
struct FreePacked {
  void operator()(Packed* packed) const { std::free(packed); }
};
using PackedPtr = std::unique_ptr<Packed, FreePacked>;

// Compresses and decompresses pages.
//
// Threads: any. zstd's contexts have some 100 KiB and are slow to make, so they
// are kept, as many as have been in use at one time.
class Codec {
 public:
  explicit Codec(int level) : level_(level) {}

  PackedPtr pack(std::span<const std::byte> page);               // nullptr: no memory
  bool unpack(const Packed& packed, std::span<std::byte> page);  // false: no memory

 private:
  struct FreeContexts {
    void operator()(ZSTD_CCtx* c) const { ::ZSTD_freeCCtx(c); }
    void operator()(ZSTD_DCtx* d) const { ::ZSTD_freeDCtx(d); }
  };
  struct Contexts {
    std::unique_ptr<ZSTD_CCtx, FreeContexts> compress;
    std::unique_ptr<ZSTD_DCtx, FreeContexts> decompress;
    std::byte out[kPageSize];  // less would be gained by nothing larger
  };
  class Lease;
  std::unique_ptr<Contexts> make_contexts() const;

  const int level_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Contexts>> idle_;
};

}  // namespace memory
