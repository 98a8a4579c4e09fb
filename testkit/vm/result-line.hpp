// SPDX-License-Identifier: BSD-3-Clause
//
// What testkit in a guest tells testkit outside, a line of JSON each: that a cell begins, and what
// came of it.
#pragma once

#include <optional>
#include <string>

#include "run/result.hpp"

namespace testkit::vm {

struct ResultLine {
  size_t index = 0;                  // of the cell, in the list that the guest got
  std::optional<CellResult> result;  // nothing: it begins
};

std::string to_line(const ResultLine& line);  // with a newline
// Nothing if it is no such line: a client may have got hold of the stream.
std::optional<ResultLine> parse_line(const std::string& text);

}  // namespace testkit::vm
