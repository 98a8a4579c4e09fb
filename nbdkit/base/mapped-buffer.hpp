// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

#include "base/error.hpp"

namespace nbd {

// Zeroed memory straight from the kernel, at the beginning of a page: pages that are
// never touched cost nothing, so every connection may have generous buffers.
class MappedBuffer {
 public:
  // Throws an Error if there is no room for it.
  explicit MappedBuffer(size_t size) : size_(size) {
    void* p = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) nbd::fail_errno(errno, "cannot allocate a buffer of {} bytes", size);
    data_ = static_cast<std::byte*>(p);
  }
  MappedBuffer(const MappedBuffer&) = delete;
  MappedBuffer& operator=(const MappedBuffer&) = delete;
  ~MappedBuffer() { ::munmap(data_, size_); }

  std::byte* data() noexcept { return data_; }
  size_t size() const noexcept { return size_; }

  // Has the pages of the first bytes now, for who must not wait for memory later. As
  // far as there is memory, that is.
  void touch(size_t bytes) noexcept {
    bytes = std::min(bytes, size_);
    if (::madvise(data_, bytes, MADV_POPULATE_WRITE) == 0) return;  // since Linux 5.14
    const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
    for (size_t at = 0; at < bytes; at += page) {
      *const_cast<volatile std::byte*>(data_ + at) = std::byte{};
    }
  }

 private:
  std::byte* data_;
  size_t size_;
};

}  // namespace nbd
