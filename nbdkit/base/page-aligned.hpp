// SPDX-License-Identifier: BSD-3-Clause
//
// Memory for data that is copied from and to the beginning of pages, as that of disks
// mostly is: in the kernel's page cache, in a socket, in other programs' buffers.
//
// Linux and glibc copy with "rep movsb" where the processor says that this is fast. On
// some that say so (AMD's Zen 3) it takes twenty times as long if the target is 1 to 31
// bytes behind the source, both taken modulo 4096: 1.7 GB/s and not 40. That happens by
// itself: malloc() puts large pieces 16 bytes behind the beginning of a page, and a header
// in front of data is of 16 or 28 bytes. So data stands at a multiple of 64 bytes, and
// with a header in front of it not at the beginning of a page.
#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace nbd {

inline constexpr size_t kDataAlignment = 64;

template <size_t Alignment>
struct FreeAligned {
  void operator()(std::byte* memory) const {
    ::operator delete[](memory, std::align_val_t{Alignment});
  }
};
template <size_t Alignment>
using Aligned = std::unique_ptr<std::byte[], FreeAligned<Alignment>>;

// Not zeroed. Throws std::bad_alloc.
template <size_t Alignment>
Aligned<Alignment> allocate_aligned(size_t size) {
  return Aligned<Alignment>(new (std::align_val_t{Alignment}) std::byte[size]);
}

using PageAligned = Aligned<4096>;
inline PageAligned page_aligned(size_t size) { return allocate_aligned<4096>(size); }

}  // namespace nbd
