// SPDX-License-Identifier: BSD-3-Clause
//
// What is wrong with a scenario file, and where: one message per problem.
#pragma once

#include <fmt/format.h>

#include <compare>
#include <string>
#include <vector>

#include "base/words.hpp"

namespace testkit {

// Where a value begins: both from 1, columns in bytes.
struct Position {
  int line = 0, column = 0;  // line 0: the file as such
  auto operator<=>(const Position&) const = default;
};

struct Problem {
  std::string file;
  Position at;
  std::string pointer;  // JSON pointer (RFC 6901); empty is the whole document
  std::string message;  // what was found there and what was expected

  bool operator==(const Problem&) const = default;
  // "FILE:LINE:COLUMN: /client/steps/0: unknown key "reed"..."
  std::string text() const {
    if (at.line == 0) return fmt::format("{}: {}", file, message);
    return fmt::format("{}:{}:{}: {}: {}", file, at.line, at.column,
                       pointer.empty() ? "(root)" : pointer, message);
  }
};

using nbd::did_you_mean;

}  // namespace testkit
