// SPDX-License-Identifier: BSD-3-Clause
//
// zero: a disk of no bytes, to see whether a client survives one.
#include <nbdkit/plugin.hpp>

namespace {

struct Zero {
  static constexpr auto name = "zero";
  static constexpr auto longname = "nbdkit zero plugin";
  static constexpr auto description = "A disk of no bytes";
  static constexpr bool never_blocks = true;

  uint64_t size() { return 0; }
  bool can_multi_conn() { return true; }
  nbd::Support can_cache() { return nbd::Support::native; }

  // Never called: no request lies inside this disk.
  nbd::Status pread(std::span<std::byte>, uint64_t, nbd::Flags) { return nbd::Status(EIO); }
};

}  // namespace

NBDKIT_PLUGIN(Zero)
