// SPDX-License-Identifier: BSD-3-Clause
//
// Log and output files of a cell.
#pragma once

#include <string>
#include <vector>

#include "base/fd.hpp"

namespace testkit {

// For writing, empty at first.
nbd::Fd create_file(const std::string& path);
// For writing behind what it has.
nbd::Fd append_to_file(const std::string& path);

// The first `limit` bytes; empty if the file cannot be read.
std::string read_file(const std::string& path, size_t limit);

// The last lines of a text, longest ones shortened, for people.
std::vector<std::string> last_lines(const std::string& text, size_t count);

// Nothing if the two have the same bytes, else where they part, as a sentence.
std::string compare_files(const std::string& a, const std::string& b);

}  // namespace testkit
