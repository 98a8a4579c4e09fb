// SPDX-License-Identifier: BSD-3-Clause
//
// Goal: what is read goes to the beginning of a page, what is written stands a little
// behind one, and there is room for the largest of each (base/page-aligned.hpp).
// Method: addresses, since times cannot be relied on.
#include "buffers.hpp"

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>

namespace {

constexpr unsigned kBuffers = 3;
uintptr_t address(const void* at) { return reinterpret_cast<uintptr_t>(at); }

}  // namespace

TEST_CASE("the data of reads and writes is where it is quick to copy") {
  nbdfuse::BufferPool pool(kBuffers, [] {});
  for (int round = 0; round < 2; ++round) {
    std::vector<nbdfuse::Buffer> taken;
    while (nbdfuse::Buffer buffer = pool.try_take()) taken.push_back(std::move(buffer));
    REQUIRE(taken.size() == kBuffers);
    for (nbdfuse::Buffer& buffer : taken) {
      auto* const request = static_cast<std::byte*>(buffer.raw()->mem);
      const std::byte* const written = request + sizeof(fuse_in_header) + sizeof(fuse_write_in);
      CHECK(address(written) % 4096 == 64);
      CHECK(address(buffer.data()) % 4096 == 0);
      std::memset(request, 1, nbdfuse::kMaxPayload + 4096);  // all that libfuse may receive
      std::memset(buffer.data(), 2, nbdfuse::kMaxPayload);
    }
  }
}
