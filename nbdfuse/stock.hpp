// SPDX-License-Identifier: BSD-3-Clause
//
// Pieces of memory of one size, laid in before they are needed. A file system that
// writes back because memory is short waits for us, so on that way nothing may wait
// for memory: what a write needs comes from here.
//
// What is larger than a piece, or asked for when all are taken, comes from the heap.
//
// Threads: any.
#pragma once

#include <algorithm>
#include <cstddef>
#include <memory_resource>
#include <mutex>
#include <new>
#include <utility>

#include "base/mapped-buffer.hpp"

namespace nbdfuse {

class Stock final : public std::pmr::memory_resource {
 public:
  // The size of a piece: a multiple of the alignment of what goes there. The first
  // `ready` of them have their memory. What was given back last is taken first, so
  // others get theirs only if more are in use at a time than ever before.
  Stock(size_t piece, unsigned count, unsigned ready)
      : piece_(std::max(piece, sizeof(Free))), count_(count), memory_(piece_ * count) {
    memory_.touch(piece_ * ready);
  }

 private:
  struct Free {
    Free* next;
  };

  void* do_allocate(size_t size, size_t alignment) override {
    if (size <= piece_) {
      const std::lock_guard lock(mutex_);
      if (free_ != nullptr) return std::exchange(free_, free_->next);
      if (fresh_ < count_) return memory_.data() + piece_ * fresh_++;
    }
    return std::pmr::new_delete_resource()->allocate(size, alignment);
  }
  void do_deallocate(void* at, size_t size, size_t alignment) override {
    auto* const byte = static_cast<std::byte*>(at);
    if (byte >= memory_.data() && byte < memory_.data() + memory_.size()) {
      const std::lock_guard lock(mutex_);
      free_ = new (at) Free{free_};
    } else {
      std::pmr::new_delete_resource()->deallocate(at, size, alignment);
    }
  }
  bool do_is_equal(const memory_resource& other) const noexcept override { return this == &other; }

  const size_t piece_;
  const unsigned count_;
  nbd::MappedBuffer memory_;
  std::mutex mutex_;
  Free* free_ = nullptr;  // given back
  unsigned fresh_ = 0;    // so many have been taken at all
};

}  // namespace nbdfuse
