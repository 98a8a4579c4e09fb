// SPDX-License-Identifier: BSD-3-Clause
//
// full: a thinly provisioned disk whose store has run out of space. Reads are
// zeroes; writing, zeroing and trimming fail with ENOSPC.
#include "../sized.hpp"

namespace {

using nbd::Flags;
using nbd::Status;

struct Full : sized::RequiredSize<Full>, sized::AllZeroes {
  static constexpr auto name = "full";
  static constexpr auto longname = "nbdkit full plugin";
  static constexpr auto description = "Reads are zeroes, writes fail with ENOSPC";
  static constexpr auto help = "[size=]<SIZE>                 (required) size of the disk";

  bool can_fast_zero() { return true; }  // it fails fast
  Status pwrite(std::span<const std::byte>, uint64_t, Flags) { return Status(ENOSPC); }
  Status trim(uint32_t, uint64_t, Flags) { return Status(ENOSPC); }
  Status zero(uint32_t, uint64_t, Flags) { return Status(ENOSPC); }
};

}  // namespace

NBDKIT_PLUGIN(Full)
