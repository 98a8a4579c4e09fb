// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace nbdkit {

// The newest release of the original whose command line we take as a whole:
// programs compare it to find out which options there are. What is not an option
// they find in --dump-config. Our own version is NBDKIT_OWN_VERSION (CMake).
inline constexpr const char* kVersion = "1.46.0";

}  // namespace nbdkit
