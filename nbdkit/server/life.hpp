// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/version.hpp"
#include "server/options.hpp"

namespace nbdkit {

// The life of the process. Returns its exit status; throws an Error with the
// sentence for the user when it cannot start.
int run(const Options& options);

}  // namespace nbdkit
