// SPDX-License-Identifier: BSD-3-Clause
//
// The buffers that requests come in. A request keeps its buffer until it is
// answered: a write sends its data from it, a read receives into it. So nothing
// is copied or allocated for either, and the number of buffers is the limit on
// requests in flight.
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
#include <cstdlib>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

#include "limits.hpp"

namespace nbdfuse {

class BufferPool;

// One buffer, given back to its pool when this goes.
class Buffer {
 public:
  Buffer() = default;
  Buffer(BufferPool& pool, unsigned slot, fuse_buf buf) : pool_(&pool), slot_(slot), buf_(buf) {}
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
  // What libfuse receives a request in; allocated here, when it is first used. nullptr if
  // there is no memory for it.
  fuse_buf* raw() noexcept {
    if (buf_.mem == nullptr) buf_.mem = allocate();
    return buf_.mem != nullptr ? &buf_ : nullptr;
  }
  // Room for kMaxPayload bytes where the request was, of which there is no more need.
  // REQUIRES: raw() was called
  std::byte* data() { return static_cast<std::byte*>(buf_.mem) + kBefore; }

 private:
  friend class BufferPool;
  // The request begins so long before a page: its data 64 bytes behind it.
  static constexpr size_t kBefore = sizeof(fuse_in_header) + sizeof(fuse_write_in) - 64;
  // libfuse takes a buffer of any request to have room for a page of headers.
  static constexpr size_t kPage = 4096;
  static void* allocate() noexcept {
    void* const memory = std::aligned_alloc(kPage, kPage + kMaxPayload + kPage);
    if (memory == nullptr) return nullptr;
    return static_cast<std::byte*>(memory) + kPage - kBefore;
  }
  static void free(void* mem) {
    if (mem != nullptr) std::free(static_cast<std::byte*>(mem) + kBefore - kPage);
  }

  BufferPool* pool_ = nullptr;
  unsigned slot_ = 0;
  fuse_buf buf_{};
};

class BufferPool {
 public:
  // on_return is called when a buffer comes back after try_take() found none, or
  // the last one after wait_for_all().
  BufferPool(unsigned limit, std::function<void()> on_return)
      : limit_(limit), on_return_(std::move(on_return)) {
    for (unsigned slot = 0; slot < limit; ++slot) free_.push_back({slot, {}});
  }
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  // REQUIRES: all are back.
  ~BufferPool() {
    for (const Part& part : free_) Buffer::free(part.buf.mem);
  }

  // An empty one if all are in use. The one that came back last, which is warm.
  Buffer try_take() {
    const std::lock_guard lock(mutex_);
    told_ = free_.empty();
    if (free_.empty()) return {};
    const Part part = free_.back();
    free_.pop_back();
    return {*this, part.slot, part.buf};
  }

  // Whether nothing is in flight.
  bool all_are_back() {
    const std::lock_guard lock(mutex_);
    told_ = free_.size() < limit_;
    return !told_;
  }

 private:
  friend class Buffer;
  struct Part {
    unsigned slot;
    fuse_buf buf;
  };
  // Told under the lock: who hears of the last one may destroy the pool next.
  void put(unsigned slot, const fuse_buf& buf) noexcept {
    const std::lock_guard lock(mutex_);
    free_.push_back({slot, buf});  // within its first capacity
    if (told_) on_return_();
  }

  const unsigned limit_;
  const std::function<void()> on_return_;
  std::mutex mutex_;
  std::vector<Part> free_;
  bool told_ = false;  // someone looked in vain
};

inline Buffer::~Buffer() {
  if (pool_ != nullptr) pool_->put(slot_, buf_);
}

}  // namespace nbdfuse
