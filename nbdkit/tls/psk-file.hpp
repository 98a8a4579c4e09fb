// SPDX-License-Identifier: BSD-3-Clause
//
// The file of pre-shared keys that psktool(1) writes: lines "user:key in hex".
// A user that begins with '#' is itself in hex, for names that are not text.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nbdkit {

struct PskFile {
  std::map<std::string, std::vector<std::byte>, std::less<>> keys;  // by user
  std::string first_user;                                           // in the file's order
};

// Throws an Error that names the file and the line, never the key.
PskFile read_psk_file(const std::string& path);

}  // namespace nbdkit
