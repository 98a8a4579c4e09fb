// SPDX-License-Identifier: BSD-3-Clause
//
// --all-exports: a file for each export that a server lists.
#pragma once

#include <string>

#include "file-system.hpp"
#include "nbd-remote.hpp"

namespace nbdfuse {

// A name that a file can have, for one that an export has: "/", "%" and control
// characters become %XX, and so does the first dot of "." and "..". The default
// export, whose name is empty, is kDefaultFileName. Longer than 255 bytes: empty.
std::string file_name_of(const std::string& export_name);

// Each is connected to when it is first opened. Throws an Error if the server does
// not list its exports.
Files list_files(Loops& loops, const RemoteSettings& settings);

}  // namespace nbdfuse
