// SPDX-License-Identifier: BSD-3-Clause
//
// The words after the plugin's name.
#pragma once

#include <string>
#include <vector>

#include "layers/stack.hpp"

namespace nbdkit {

// A word @FILE stands for the lines of that file, a parameter each; empty lines
// and those that start with '#' are left out. Where the plugin takes bare words, a
// word for which there is no such file is one of them. Throws an Error that names
// the file.
std::vector<std::string> with_files_read(const std::vector<std::string>& words,
                                         bool takes_bare_words);

// Hands them to the stack, files read: key=value as it is, a bare word to the plugin's magic
// key or, for a language plugin, as script=WORD. Throws an Error that names what
// nobody takes.
void configure(Stack& stack, const std::vector<std::string>& words);

}  // namespace nbdkit
