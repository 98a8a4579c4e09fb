// SPDX-License-Identifier: BSD-3-Clause
//
// What is wrong with a scenario file, and where: one message per problem.
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/words.hpp"

namespace testkit {

struct Problem {
  std::string file;
  int line = 0;         // 0: the file as such
  std::string pointer;  // JSON pointer (RFC 6901); empty is the whole document
  std::string message;  // what was found there and what was expected

  bool operator==(const Problem&) const = default;
  // "FILE:LINE: /client/steps/0: unknown key "reed"..."
  std::string text() const {
    if (line == 0) return fmt::format("{}: {}", file, message);
    return fmt::format("{}:{}: {}: {}", file, line, pointer.empty() ? "(root)" : pointer, message);
  }
};

using nbd::did_you_mean;

}  // namespace testkit
