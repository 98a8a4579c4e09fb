// SPDX-License-Identifier: BSD-3-Clause
//
// The texts that an expression comes from, and errors that point into them.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace data {

// The data= parameter itself, or the value of a variable.
struct Source {
  std::string name;  // "data", "$sector"
  std::string text;
};

// A place in a text. The Source is borrowed from the Program (parser.hpp).
struct Pos {
  const Source* source = nullptr;
  size_t offset = 0;
};

// Throws an Error with the place (name:line:column), the sentence, and the line
// with a mark under the place.
[[noreturn]] void fail_at(Pos pos, std::string_view sentence);

}  // namespace data
