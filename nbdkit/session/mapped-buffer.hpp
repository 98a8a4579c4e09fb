// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <span>

#include "base/error.hpp"

namespace nbdkit {

// Zeroed memory straight from the kernel: pages that are never touched cost
// nothing, so every connection may have generous buffers.
class MappedBuffer {
 public:
  explicit MappedBuffer(size_t size) : size_(size) {
    void* p = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED) nbd::fail_errno(errno, "cannot allocate a buffer of {} bytes", size);
    data_ = static_cast<std::byte*>(p);
  }
  MappedBuffer(const MappedBuffer&) = delete;
  MappedBuffer& operator=(const MappedBuffer&) = delete;
  ~MappedBuffer() { ::munmap(data_, size_); }

  std::byte* data() noexcept { return data_; }
  size_t size() const noexcept { return size_; }

 private:
  std::byte* data_;
  size_t size_;
};

}  // namespace nbdkit
