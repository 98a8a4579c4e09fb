// SPDX-License-Identifier: BSD-3-Clause
//
// The words after the plugin's name.
#pragma once

#include <string>
#include <vector>

#include "layers/stack.hpp"

namespace nbdkit {

// Hands them to the stack: key=value as it is, a bare word to the plugin's magic
// key or, for a language plugin, as script=WORD. Throws an Error that names what
// nobody takes.
void configure(Stack& stack, const std::vector<std::string>& words);

}  // namespace nbdkit
