// SPDX-License-Identifier: BSD-3-Clause
//
// null: reads are zeroes, and what is written is forgotten.
//
// It costs nothing but the protocol, so it is also what a server or a client is
// measured against.
#include <nbdkit/plugin.hpp>

#include <algorithm>

namespace {

using nbd::Flags;
using nbd::Status;

struct Null {
  static constexpr auto name = "null";
  static constexpr auto longname = "nbdkit null plugin";
  static constexpr auto description = "Reads are zeroes, writes are forgotten";
  static constexpr auto help = "[size=]<SIZE>                 size of the disk (default 0)";
  static constexpr auto magic_key = "size";
  static constexpr bool never_blocks = true;

  bool config(std::string_view key, std::string_view value) {
    if (key != "size") return false;
    size_ = nbd::parse_size(value);
    return true;
  }

  uint64_t size() { return size_; }
  bool can_multi_conn() { return true; }
  bool can_fast_zero() { return true; }
  nbd::Support can_cache() { return nbd::Support::native; }
  nbd::Support can_fua() { return nbd::Support::native; }

  Status pread(std::span<std::byte> buf, uint64_t, Flags) {
    std::fill(buf.begin(), buf.end(), std::byte{0});
    return nbd::kOk;
  }
  Status pwrite(std::span<const std::byte>, uint64_t, Flags) { return nbd::kOk; }
  Status flush(Flags) { return nbd::kOk; }
  Status trim(uint32_t, uint64_t, Flags) { return nbd::kOk; }
  Status zero(uint32_t, uint64_t, Flags) { return nbd::kOk; }
  Status extents(uint32_t count, uint64_t offset, Flags, nbd::ExtentList& out) {
    return out.add(offset, count, nbd::kExtentHole | nbd::kExtentZero);
  }

 private:
  uint64_t size_ = 0;
};

}  // namespace

NBDKIT_PLUGIN(Null)
