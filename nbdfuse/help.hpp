// SPDX-License-Identifier: BSD-3-Clause
//
// What --help, --fuse-help and --version print.
#pragma once

#include <string>

namespace nbdfuse {

std::string help_text();
std::string fuse_help_text();
std::string version_text();

}  // namespace nbdfuse
