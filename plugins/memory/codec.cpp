// SPDX-License-Identifier: BSD-3-Clause
#include "codec.hpp"

#include <cstring>
#include <new>
#include <utility>

namespace memory {

// Contexts for the time of one call; none if there is no memory.
class Codec::Lease {
 public:
  explicit Lease(Codec& codec) : codec_(codec) {
    {
      const std::lock_guard lock(codec_.mutex_);
      if (!codec_.idle_.empty()) {
        contexts_ = std::move(codec_.idle_.back());
        codec_.idle_.pop_back();
      }
    }
    if (!contexts_) contexts_ = codec_.make_contexts();
  }
  ~Lease() {
    if (!contexts_) return;
    const std::lock_guard lock(codec_.mutex_);
    try {
      codec_.idle_.push_back(std::move(contexts_));
    } catch (const std::bad_alloc&) {
      contexts_.reset();  // made again when it is needed
    }
  }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  explicit operator bool() const { return contexts_ != nullptr; }
  Contexts* operator->() { return contexts_.get(); }

 private:
  Codec& codec_;
  std::unique_ptr<Contexts> contexts_;
};

std::unique_ptr<Codec::Contexts> Codec::make_contexts() const {
  std::unique_ptr<Contexts> made(new (std::nothrow) Contexts);
  if (!made) return nullptr;
  made->compress.reset(::ZSTD_createCCtx());
  made->decompress.reset(::ZSTD_createDCtx());
  if (!made->compress || !made->decompress) return nullptr;
  ::ZSTD_CCtx_setParameter(made->compress.get(), ZSTD_c_compressionLevel, level_);
  return made;
}

PackedPtr Codec::pack(std::span<const std::byte> page) {
  Lease contexts(*this);
  if (!contexts) return nullptr;
  // What does not fit is an error and is kept as it is.
  const size_t size = ::ZSTD_compress2(contexts->compress.get(), contexts->out, kPageSize - 1,
                                       page.data(), page.size());
  const bool smaller = ::ZSTD_isError(size) == 0;
  const size_t length = smaller ? size : kPageSize;
  PackedPtr packed(static_cast<Packed*>(std::malloc(sizeof(Packed) + length)));
  if (!packed) return nullptr;
  packed->size = length;
  std::memcpy(packed->bytes(), smaller ? contexts->out : page.data(), length);
  return packed;
}

bool Codec::unpack(const Packed& packed, std::span<std::byte> page) {
  if (packed.size == kPageSize) {
    std::memcpy(page.data(), packed.bytes(), kPageSize);
    return true;
  }
  Lease contexts(*this);
  return contexts && ::ZSTD_decompressDCtx(contexts->decompress.get(), page.data(), page.size(),
                                           packed.bytes(), packed.size) == kPageSize;
}

}  // namespace memory
