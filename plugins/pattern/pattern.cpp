// SPDX-License-Identifier: BSD-3-Clause
//
// pattern: every 8 bytes hold their own offset, as a 64-bit big-endian number.
//
// Whoever reads can tell where any byte came from, so a client that mixes up
// requests is found out. A write must hold what is there already, else EIO.
#include <nbdkit/plugin.hpp>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

namespace {

using nbd::Flags;
using nbd::Status;

struct Pattern {
  static constexpr auto name = "pattern";
  static constexpr auto longname = "nbdkit pattern plugin";
  static constexpr auto description = "Fixed test pattern: every 8 bytes are their own offset";
  static constexpr auto help = "[size=]<SIZE>                 (required) size of the disk";
  static constexpr auto magic_key = "size";
  static constexpr bool never_blocks = true;

  bool config(std::string_view key, std::string_view value) {
    if (key != "size") return false;
    size_ = nbd::parse_size(value);
    return true;
  }
  void config_complete() {
    if (!size_) throw nbd::Error("pattern: you must give the size of the disk: size=<SIZE>");
  }

  uint64_t size() { return *size_; }
  bool can_multi_conn() { return true; }
  nbd::Support can_cache() { return nbd::Support::native; }
  nbd::Support can_fua() { return nbd::Support::native; }

  Status pread(std::span<std::byte> buf, uint64_t offset, Flags) {
    each_word(buf.size(), offset, [&](const std::byte* bytes, size_t count, size_t at) {
      std::memcpy(buf.data() + at, bytes, count);
      return true;
    });
    return nbd::kOk;
  }
  Status pwrite(std::span<const std::byte> buf, uint64_t offset, Flags) {
    bool same = true;
    each_word(buf.size(), offset, [&](const std::byte* bytes, size_t count, size_t at) {
      return same = std::memcmp(buf.data() + at, bytes, count) == 0;
    });
    if (same) return nbd::kOk;
    nbdkit_error("the data written at offset %llu is not the pattern",
                 static_cast<unsigned long long>(offset));
    return Status(EIO);
  }
  Status flush(Flags) { return nbd::kOk; }

 private:
  // Calls piece(bytes of the pattern, count, position in the range).
  template <class Piece>
  static void each_word(size_t count, uint64_t offset, Piece&& piece) {
    for (size_t at = 0; at < count;) {
      const uint64_t here = offset + at;
      const size_t skip = here % 8;
      const uint64_t word = __builtin_bswap64(here - skip);
      static_assert(std::endian::native == std::endian::little);
      const size_t length = std::min(8 - skip, count - at);
      if (!piece(reinterpret_cast<const std::byte*>(&word) + skip, length, at)) return;
      at += length;
    }
  }

  std::optional<uint64_t> size_;
};

}  // namespace

NBDKIT_PLUGIN(Pattern)
