// SPDX-License-Identifier: BSD-3-Clause
//
// What comes from outside: files and the output of commands.
#pragma once

#include <cstdint>
#include <string>

#include "image.hpp"

namespace data {

// What may be read without an end being asked for: a file or a command that
// never ends is a mistake, and is found out before the memory is full.
inline constexpr uint64_t kMaxContent = uint64_t{4} << 30;

// The first `limit` bytes, fewer if there are no more; UINT64_MAX is all.
// Throws an Error that names the file or says how the command ended.
ImagePtr read_file(const std::string& path, uint64_t limit);
// The output of /bin/sh -c script. Once it has written `limit` bytes it is
// ended, and its status does not matter.
ImagePtr read_command(const std::string& script, uint64_t limit);

}  // namespace data
