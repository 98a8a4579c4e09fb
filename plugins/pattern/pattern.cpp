// SPDX-License-Identifier: BSD-3-Clause
//
// pattern: every 8 bytes hold their own offset, as a 64-bit big-endian number.
//
// Whoever reads can tell where any byte came from, so a client that mixes up
// requests is found out. A write must hold what is there already, else EIO.
#include <bit>

#include "../sized.hpp"
#include "words.hpp"

namespace {

using nbd::Flags;
using nbd::Status;

struct Pattern : sized::RequiredSize<Pattern> {
  static constexpr auto name = "pattern";
  static constexpr auto longname = "nbdkit pattern plugin";
  static constexpr auto description = "Fixed test pattern: every 8 bytes are their own offset";
  static constexpr auto help = "[size=]<SIZE>                 (required) size of the disk";

  nbd::Support can_fua() { return nbd::Support::native; }

  Status pread(std::span<std::byte> buf, uint64_t offset, Flags) {
    words::fill(buf, offset, word_at);
    return nbd::kOk;
  }
  Status pwrite(std::span<const std::byte> buf, uint64_t offset, Flags) {
    if (words::equal(buf, offset, word_at)) return nbd::kOk;
    nbdkit_error("the data written at offset %llu is not the pattern",
                 static_cast<unsigned long long>(offset));
    return Status(EIO);
  }
  Status flush(Flags) { return nbd::kOk; }

 private:
  static uint64_t word_at(uint64_t offset) {
    static_assert(std::endian::native == std::endian::little);
    return __builtin_bswap64(offset);
  }
};

}  // namespace

NBDKIT_PLUGIN(Pattern)
