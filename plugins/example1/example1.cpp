// SPDX-License-Identifier: BSD-3-Clause
//
// example1: the smallest useful plugin, a size and a read. It serves a disk of
// 100 MiB with one empty partition.
#include <nbdkit/plugin.hpp>

struct Example1 {
  static constexpr auto name = "example1";

  uint64_t size() { return 100 << 20; }

  nbd::Status pread(std::span<std::byte> buf, uint64_t offset, nbd::Flags) {
    for (std::byte& b : buf) b = byte_at(offset++);
    return nbd::kOk;
  }

  static std::byte byte_at(uint64_t offset) {
    // The only entry of the partition table (type 0x83, Linux; first sector
    // 2048, 202752 sectors) and the signature at the end of the first sector.
    static constexpr unsigned char kTable[] = {0x00, 0xff, 0xff, 0xff, 0x83, 0xff, 0xff, 0xff,
                                               0x00, 0x08, 0x00, 0x00, 0x00, 0x18, 0x03, 0x00};
    if (offset >= 446 && offset < 462) return std::byte{kTable[offset - 446]};
    return std::byte{offset == 510 ? uint8_t{0x55} : offset == 511 ? uint8_t{0xaa} : uint8_t{0}};
  }
};

NBDKIT_PLUGIN(Example1)
