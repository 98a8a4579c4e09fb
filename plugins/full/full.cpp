// SPDX-License-Identifier: BSD-3-Clause
//
// full: a thinly provisioned disk whose store has run out of space. Reads are
// zeroes; writing, zeroing and trimming fail with ENOSPC.
#include <nbdkit/plugin.hpp>

#include <algorithm>
#include <optional>

namespace {

using nbd::Flags;
using nbd::Status;

struct Full {
  static constexpr auto name = "full";
  static constexpr auto longname = "nbdkit full plugin";
  static constexpr auto description = "Reads are zeroes, writes fail with ENOSPC";
  static constexpr auto help = "[size=]<SIZE>                 (required) size of the disk";
  static constexpr auto magic_key = "size";
  static constexpr bool never_blocks = true;

  bool config(std::string_view key, std::string_view value) {
    if (key != "size") return false;
    size_ = nbd::parse_size(value);
    return true;
  }
  void config_complete() {
    if (!size_) throw nbd::Error("full: you must give the size of the disk: size=<SIZE>");
  }

  uint64_t size() { return *size_; }
  bool can_multi_conn() { return true; }
  bool can_fast_zero() { return true; }  // it fails fast
  nbd::Support can_cache() { return nbd::Support::native; }

  Status pread(std::span<std::byte> buf, uint64_t, Flags) {
    std::fill(buf.begin(), buf.end(), std::byte{0});
    return nbd::kOk;
  }
  Status pwrite(std::span<const std::byte>, uint64_t, Flags) { return Status(ENOSPC); }
  Status trim(uint32_t, uint64_t, Flags) { return Status(ENOSPC); }
  Status zero(uint32_t, uint64_t, Flags) { return Status(ENOSPC); }
  Status extents(uint32_t count, uint64_t offset, Flags, nbd::ExtentList& out) {
    return out.add(offset, count, nbd::kExtentHole | nbd::kExtentZero);
  }

 private:
  std::optional<uint64_t> size_;
};

}  // namespace

NBDKIT_PLUGIN(Full)
