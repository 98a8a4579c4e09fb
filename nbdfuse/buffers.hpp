// SPDX-License-Identifier: BSD-3-Clause
//
// The buffers that requests come in. A request keeps its buffer until it is
// answered: a write sends its data from it, a read receives into it. So nothing
// is copied or allocated for either, and the number of buffers is the limit on
// requests in flight.
//
// All of them are mapped from the beginning, and the first few have their memory; one
// gets its own when it is first used, which is when more requests are in flight than
// ever before.
//
// What is read goes to the beginning of a page; the data of a write stands 64 bytes
// behind one, since it is sent behind a header (base/page-aligned.hpp).
//
// Threads: all functions and the end of a Buffer in any.
#pragma once

#define FUSE_USE_VERSION 35
#include <fuse3/fuse_lowlevel.h>
#include <linux/fuse.h>

#include <cstddef>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "base/mapped-buffer.hpp"
#include "limits.hpp"

namespace nbdfuse {

class BufferPool;

// One buffer, given back to its pool when this goes.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& other) noexcept
      : pool_(std::exchange(other.pool_, nullptr)), slot_(other.slot_), buf_(other.buf_) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(slot_, other.slot_);
    std::swap(buf_, other.buf_);
    return *this;
  }
  ~Buffer();

  // Which of the pool's it is: below its limit.
  unsigned slot() const { return slot_; }
  explicit operator bool() const { return pool_ != nullptr; }
  // What libfuse receives a request in. REQUIRES, as data() does: not empty
  fuse_buf* raw() noexcept { return &buf_; }
  // Room for kMaxPayload bytes where the request was, of which there is no more need.
  std::byte* data() { return static_cast<std::byte*>(buf_.mem) + kBefore; }

 private:
  friend class BufferPool;
  // libfuse takes a buffer of any request to have room for a page of headers.
  static constexpr size_t kPage = 4096;
  static constexpr size_t kSize = kPage + kMaxPayload + kPage;
  // The request begins so long before the second page: its data 64 bytes behind that.
  static constexpr size_t kBefore = sizeof(fuse_in_header) + sizeof(fuse_write_in) - 64;

  Buffer(BufferPool& pool, unsigned slot, std::byte* memory) : pool_(&pool), slot_(slot) {
    buf_.mem = memory + kPage - kBefore;
  }

  BufferPool* pool_ = nullptr;
  unsigned slot_ = 0;
  fuse_buf buf_{};
};

class BufferPool {
 public:
  // on_return is called when a buffer comes back after try_take() found none, or
  // the last one after all_are_back() said no.
  BufferPool(unsigned limit, std::function<void()> on_return)
      : limit_(limit), on_return_(std::move(on_return)), memory_(limit * Buffer::kSize) {
    memory_.touch(kReady * Buffer::kSize);
    for (unsigned slot = limit; slot-- > 0;) free_.push_back(slot);
  }
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;

  // An empty one if all are in use. The one that came back last, which is warm.
  Buffer try_take() {
    const std::lock_guard lock(mutex_);
    told_ = free_.empty();
    if (free_.empty()) return {};
    const unsigned slot = free_.back();
    free_.pop_back();
    return {*this, slot, memory_.data() + slot * Buffer::kSize};
  }

  // Whether nothing is in flight.
  bool all_are_back() {
    const std::lock_guard lock(mutex_);
    told_ = free_.size() < limit_;
    return !told_;
  }

 private:
  friend class Buffer;
  // Told under the lock: who hears of the last one may destroy the pool next.
  void put(unsigned slot) noexcept {
    const std::lock_guard lock(mutex_);
    free_.push_back(slot);  // within its first capacity
    if (told_) on_return_();
  }

  const unsigned limit_;
  const std::function<void()> on_return_;
  nbd::MappedBuffer memory_;
  std::mutex mutex_;
  std::vector<unsigned> free_;
  bool told_ = false;  // someone looked in vain
};

inline Buffer::~Buffer() {
  if (pool_ != nullptr) pool_->put(slot_);
}

}  // namespace nbdfuse
