// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace nbdkit {

inline constexpr const char* kVersion = "1.0.0";

}  // namespace nbdkit
