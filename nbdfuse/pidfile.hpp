// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

namespace nbdfuse {

// Writes our process ID and a newline, so that whoever waits for the file never
// sees half of it: a plain file appears by rename. Throws an Error.
void write_pidfile(const std::string& path);

}  // namespace nbdfuse
