// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <array>
#include <span>
#include <string>

#include "server/options.hpp"

namespace nbdkit {

struct OptionRow {
  char short_name;                        // 0: none
  std::array<const char*, 4> long_names;  // the first is the one that help shows
  const char* argument;                   // nullptr: takes none
  const char* help;                       // nullptr: neither help nor completion shows it
  void (*apply)(Options& o, const std::string& value);
};

// Sorted as --help shows them.
std::span<const OptionRow> option_table();

}  // namespace nbdkit
