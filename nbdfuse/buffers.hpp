// SPDX-License-Identifier: BSD-3-Clause
//
// The buffers that requests come in. A request keeps its buffer until it is
// answered: a write sends its data from it, a read receives into it. So nothing
// is copied or allocated for either, and the number of buffers is the limit on
// requests in flight.
//
// Threads: all functions and the end of a Buffer in any.
#pragma once

#include <fuse3/fuse_common.h>

#include <cstdlib>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

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
  // libfuse allocates the memory when it first receives into it.
  fuse_buf* raw() { return &buf_; }
  std::byte* data() { return static_cast<std::byte*>(buf_.mem); }

 private:
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
    for (const Part& part : free_) std::free(part.buf.mem);
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
