// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace ondemand {

// How to make a disk: by mkfs, of the variables type and label; or by a command,
// which gets all of the variables.
struct Recipe {
  uint64_t size = 0;
  std::string command;  // empty: mkfs
  std::map<std::string, std::string> variables;
};

// Throws an Error about a variable that cannot be used.
void check(const Recipe& recipe);

// Makes DIR/NAME, complete from the moment that it is there; leaves one that has
// appeared meanwhile as it is. Throws an Error, and leaves nothing behind, if
// that fails. May take long. Any thread.
void make_disk(const Recipe& recipe, const std::string& dir, const std::string& name);

}  // namespace ondemand
