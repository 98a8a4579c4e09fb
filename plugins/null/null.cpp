// SPDX-License-Identifier: BSD-3-Clause
//
// null: reads are zeroes, and what is written is forgotten.
//
// It costs nothing but the protocol, so it is also what a server or a client is
// measured against.
#include "../sized.hpp"

namespace {

struct Null : sized::OptionalSize, sized::AllZeroes, sized::Forgetful {
  static constexpr auto name = "null";
  static constexpr auto longname = "nbdkit null plugin";
  static constexpr auto description = "Reads are zeroes, writes are forgotten";
  static constexpr auto help = "[size=]<SIZE>                 size of the disk (default 0)";
};

}  // namespace

NBDKIT_PLUGIN(Null)
