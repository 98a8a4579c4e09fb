// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/fd.hpp"

namespace nbdkit {

// A closed standard stream would be taken by the next file that is opened, and
// messages would go into a disk. Throws an Error then.
void check_standard_streams();

// The stdin and stdout that we were started with.
struct StandardStreams {
  nbd::Fd in, out;
};

// Takes them away from everybody else: descriptors 0 and 1 are /dev/null then.
StandardStreams take_standard_streams();

// /dev/null in place of a standard stream.
void point_at_null(int standard_fd);

}  // namespace nbdkit
