// SPDX-License-Identifier: BSD-3-Clause
//
// noextents: the disk looks fully allocated.
#include <nbdkit/filter.hpp>

namespace {

struct NoExtents {
  static constexpr auto name = "noextents";
  static constexpr auto longname = "nbdkit noextents filter";
  static constexpr auto description = "Hide which parts of the disk are holes";

  static void properties(nbd::Properties& p) { p.can_extents = p.tells_holes = false; }
};

}  // namespace

NBDKIT_FILTER(NoExtents)
