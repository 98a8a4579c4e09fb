// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "session/limits.hpp"

namespace nbdkit {

class Buffers;

// Memory for one request, not zeroed: it is filled before anybody looks.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)),
        bytes_(std::move(other.bytes_)),
        kind_(other.kind_) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(bytes_, other.bytes_);
    std::swap(kind_, other.kind_);
    return *this;
  }
  ~Buffer();

  std::byte* get() const { return bytes_.get(); }

 private:
  friend class Buffers;
  Buffer(Buffers* pool, std::unique_ptr<std::byte[]> bytes, unsigned kind)
      : pool_(pool), bytes_(std::move(bytes)), kind_(kind) {}

  Buffers* pool_ = nullptr;  // nullptr: not kept
  std::unique_ptr<std::byte[]> bytes_;
  unsigned kind_ = 0;
};

// Keeps large buffers for the next request, by powers of two: the allocator
// would give them back to the system, and each page would have to be made anew,
// which costs as much as to copy into it.
//
// Threads: any.
class Buffers {
 public:
  Buffer take(size_t size) {
    if (size < kSmallest || size > kLargest) {
      return Buffer(nullptr, std::make_unique_for_overwrite<std::byte[]>(size), 0);
    }
    const auto kind = static_cast<unsigned>(std::bit_width(size - 1));
    {
      const std::lock_guard lock(mutex_);
      auto& kept = kept_[kind];
      if (!kept.empty()) {
        kept_bytes_ -= size_t{1} << kind;
        Buffer buffer(this, std::move(kept.back()), kind);
        kept.pop_back();
        return buffer;
      }
    }
    return Buffer(this, std::make_unique_for_overwrite<std::byte[]>(size_t{1} << kind), kind);
  }

 private:
  friend class Buffer;
  void give_back(std::unique_ptr<std::byte[]> bytes, unsigned kind) noexcept {
    const size_t size = size_t{1} << kind;
    const std::lock_guard lock(mutex_);
    if (kept_bytes_ + size > limits::kMaxKeptBuffers) return;
    try {
      kept_[kind].push_back(std::move(bytes));
      kept_bytes_ += size;
    } catch (const std::exception&) {  // then it is freed
    }
  }

  static constexpr size_t kSmallest = 16 << 10, kLargest = 4 << 20;
  std::mutex mutex_;
  std::array<std::vector<std::unique_ptr<std::byte[]>>, 32> kept_;
  size_t kept_bytes_ = 0;
};

inline Buffer::~Buffer() {
  if (pool_ != nullptr && bytes_) pool_->give_back(std::move(bytes_), kind_);
}

}  // namespace nbdkit
