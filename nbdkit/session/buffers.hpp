// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "base/page-aligned.hpp"
#include "session/limits.hpp"

namespace nbdkit {

class Buffers;

// Memory for one request, not zeroed: it is filled before anybody looks. Data is aligned
// in it, by itself or behind a header (base/page-aligned.hpp).
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)),
        memory_(std::move(other.memory_)),
        front_(other.front_),
        kind_(other.kind_) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(memory_, other.memory_);
    std::swap(front_, other.front_);
    std::swap(kind_, other.kind_);
    return *this;
  }
  ~Buffer();

  explicit operator bool() const { return memory_ != nullptr; }
  std::byte* get() const { return memory_.get() + front_; }

 private:
  friend class Buffers;
  using Memory = nbd::Aligned<nbd::kDataAlignment>;
  static Memory allocate(size_t size) { return nbd::allocate_aligned<nbd::kDataAlignment>(size); }
  Buffer(Buffers* pool, Memory memory, size_t front, unsigned kind)
      : pool_(pool), memory_(std::move(memory)), front_(front), kind_(kind) {}

  Buffers* pool_ = nullptr;  // nullptr: not kept
  Memory memory_;
  size_t front_ = 0;
  unsigned kind_ = 0;
};

// Keeps buffers from a page on for the next request, by powers of two: the allocator
// would give large ones back to the system, and each page would have to be made anew,
// which costs as much as to copy into it; and aligned ones it does not keep at hand.
//
// Threads: any.
class Buffers {
 public:
  // header: so many of its bytes come before the data. REQUIRES: header <= size
  Buffer take(size_t size, size_t header = 0) {
    const size_t front = -header % nbd::kDataAlignment;
    size += front;
    if (size < kSmallest || size > kLargest) {
      return Buffer(nullptr, Buffer::allocate(size), front, 0);
    }
    const auto kind = static_cast<unsigned>(std::bit_width(size - 1));
    {
      const std::lock_guard lock(mutex_);
      auto& kept = kept_[kind];
      if (!kept.empty()) {
        kept_bytes_ -= size_t{1} << kind;
        Buffer buffer(this, std::move(kept.back()), front, kind);
        kept.pop_back();
        return buffer;
      }
    }
    return Buffer(this, Buffer::allocate(size_t{1} << kind), front, kind);
  }

 private:
  friend class Buffer;
  void give_back(Buffer::Memory memory, unsigned kind) noexcept {
    const size_t size = size_t{1} << kind;
    const std::lock_guard lock(mutex_);
    if (kept_bytes_ + size > limits::kMaxKeptBuffers) return;
    try {
      kept_[kind].push_back(std::move(memory));
      kept_bytes_ += size;
    } catch (const std::exception&) {  // then it is freed
    }
  }

  static constexpr size_t kSmallest = 4 << 10, kLargest = 4 << 20;
  std::mutex mutex_;
  std::array<std::vector<Buffer::Memory>, 32> kept_;
  size_t kept_bytes_ = 0;
};

inline Buffer::~Buffer() {
  if (pool_ != nullptr && memory_) pool_->give_back(std::move(memory_), kind_);
}

}  // namespace nbdkit
