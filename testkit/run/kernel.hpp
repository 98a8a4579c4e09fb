// SPDX-License-Identifier: BSD-3-Clause
//
// What a cell needs of the kernel. A guest has all of it (testkit/vm).
#pragma once

#include <string>

#include "scenario/load.hpp"

namespace testkit {

// Whether it needs what kernels may not have: vsock, or a module.
bool asks_of_kernel(const Cell& cell);

// What this kernel lacks for the cell, as a sentence; empty if nothing.
std::string missing_in_kernel(const Cell& cell);

// Whether a module is loaded or built in.
bool module_is_there(const std::string& name);

}  // namespace testkit
