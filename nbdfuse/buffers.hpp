// SPDX-License-Identifier: BSD-3-Clause
//
// The buffers that requests come in. A request keeps its buffer until it is
// answered: a write sends its data from it, a read receives into it. So nothing
// is copied or allocated for either, and the number of buffers is the limit on
// requests in flight.
//
// Threads: take() and the end of a Buffer in any.
#pragma once

#include <fuse3/fuse_common.h>

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <utility>
#include <vector>

namespace nbdfuse {

class BufferPool;

// One buffer, given back to its pool when this goes.
class Buffer {
 public:
  Buffer() = default;
  Buffer(BufferPool& pool, fuse_buf buf) : pool_(&pool), buf_(buf) {}
  Buffer(Buffer&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)), buf_(other.buf_) {}
  Buffer& operator=(Buffer&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(buf_, other.buf_);
    return *this;
  }
  ~Buffer();

  explicit operator bool() const { return pool_ != nullptr; }
  // libfuse allocates the memory when it first receives into it.
  fuse_buf* raw() { return &buf_; }
  std::byte* data() { return static_cast<std::byte*>(buf_.mem); }

 private:
  BufferPool* pool_ = nullptr;
  fuse_buf buf_{};
};

class BufferPool {
 public:
  explicit BufferPool(unsigned limit) : free_(limit) {}
  BufferPool(const BufferPool&) = delete;
  BufferPool& operator=(const BufferPool&) = delete;
  // REQUIRES: all are back.
  ~BufferPool() {
    for (const fuse_buf& buf : free_) std::free(buf.mem);
  }

  // Waits while all are in use. The one that came back last, which is warm.
  Buffer take() {
    std::unique_lock lock(mutex_);
    returned_.wait(lock, [&] { return !free_.empty(); });
    const fuse_buf buf = free_.back();
    free_.pop_back();
    return {*this, buf};
  }

  // Waits until all are back: nothing is in flight.
  void wait_idle(unsigned limit) {
    std::unique_lock lock(mutex_);
    returned_.wait(lock, [&] { return free_.size() == limit; });
  }

 private:
  friend class Buffer;
  // Told under the lock: who waits for the last one may destroy the pool next.
  void put(const fuse_buf& buf) noexcept {
    const std::lock_guard lock(mutex_);
    free_.push_back(buf);  // within its first capacity
    returned_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable returned_;
  std::vector<fuse_buf> free_;
};

inline Buffer::~Buffer() {
  if (pool_ != nullptr) pool_->put(buf_);
}

}  // namespace nbdfuse
