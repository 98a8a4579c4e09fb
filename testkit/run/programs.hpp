// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

namespace testkit {

// Whether execvp() would find it.
bool in_path(const std::string& program);

}  // namespace testkit
