// SPDX-License-Identifier: BSD-3-Clause
//
// For tests: a disk of 1 MiB with a hole from 32K to 64K, which the plugin tells
// and must not be asked to read; reads from 64K on fail with EIO.
#include <nbdkit/plugin.hpp>

#include <algorithm>

namespace {

struct Holes {
  static constexpr auto name = "holes";
  static constexpr bool tells_holes = true;

  uint64_t size() { return 1 << 20; }
  nbd::Status pread(std::span<std::byte> buf, uint64_t offset, nbd::Flags) {
    if (offset + buf.size() > 65536) throw nbd::Error(EIO, "the disk is tired");
    if (offset + buf.size() > 32768) throw nbd::Error(EIO, "this is a hole");
    std::fill(buf.begin(), buf.end(), std::byte{5});
    return nbd::kOk;
  }
  nbd::Status extents(uint32_t, uint64_t, nbd::Flags, nbd::ExtentList& out) {
    for (const auto& [at, type] : {std::pair{0, 0u}, {32768, 3u}, {65536, 0u}}) {
      const uint64_t length = at == 65536 ? (1 << 20) - 65536 : 32768;
      if (const nbd::Status s = out.add(static_cast<uint64_t>(at), length, type); !s.ok()) return s;
    }
    return nbd::kOk;
  }
};

}  // namespace

NBDKIT_PLUGIN(Holes)
