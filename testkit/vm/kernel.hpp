// SPDX-License-Identifier: BSD-3-Clause
//
// The kernel of a guest and its modules: those of Debian, installed or in the cache.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "net/wait.hpp"
#include "vm/backend.hpp"

namespace testkit::vm {

struct Kernel {
  std::string image;    // what is started
  std::string modules;  // the folder with modules.dep
};

// Fetched if it is not there. Throws an Error.
Kernel find_kernel(Backend backend, const Interrupt& interrupt);

// The files of these modules and of all that they depend on, in the order in which they load,
// from the text of modules.dep. Those that it does not have are built into the kernel.
std::vector<std::string> in_load_order(std::string_view modules_dep,
                                       const std::vector<std::string>& names);

}  // namespace testkit::vm
