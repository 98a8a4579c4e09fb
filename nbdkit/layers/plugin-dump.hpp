// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "layers/plugin-layer.hpp"

namespace nbdkit {

// What --dump-plugin says of a plugin, as lines of key=value on stdout: its
// file, its constants, a line has_NAME=1 for each callback that it has (those
// of API version 1 are called has__NAME_v1).
void print_plugin(const std::string& path, const PluginTable& table, nbd::ThreadModel in_use);

}  // namespace nbdkit
