// SPDX-License-Identifier: BSD-3-Clause
//
// Goal: data stands where it is quick to copy to and from the beginning of pages, behind
// a header of any size, also in memory that had another one (base/page-aligned.hpp).
// Method: addresses, since times cannot be relied on.
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>

#include "session/buffers.hpp"

using nbdkit::Buffers;

namespace {

uintptr_t address(const std::byte* at) { return reinterpret_cast<uintptr_t>(at); }

}  // namespace

TEST_CASE("data in a buffer is aligned, with what is in front of it") {
  Buffers buffers;
  for (int round = 0; round < 2; ++round) {  // the second has memory of the first
    for (const size_t size : {512, 4096, 16 << 10, 64 << 10, 256 << 10, 8 << 20}) {
      for (const size_t header : {0, 16, 28, 40, 64, 100}) {
        CAPTURE(round, size, header);
        const nbdkit::Buffer buffer = buffers.take(header + size, header);
        const std::byte* const data = buffer.get() + header;
        CHECK(address(data) % nbd::kDataAlignment == 0);
        std::memset(buffer.get(), 7, header + size);  // it is all there
      }
    }
  }
}

TEST_CASE("a buffer that is moved stays what it is") {
  Buffers buffers;
  nbdkit::Buffer first = buffers.take(16 + 65536, 16);
  std::byte* const at = first.get();
  nbdkit::Buffer second = std::move(first);
  CHECK(second.get() == at);
  nbdkit::Buffer third;
  third = std::move(second);
  CHECK(third.get() == at);
}
