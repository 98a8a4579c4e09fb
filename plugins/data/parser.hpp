// SPDX-License-Identifier: BSD-3-Clause
//
// From words to a tree.
//
//   list  = { item }
//   item  = move | value { postfix }
//   value = number | bytes | file | command | \name | $var | "(" list ")"
//   postfix = "*" number | "[" [number] ":" [number] "]" | "->" \name
//
// $VAR is replaced while parsing: its text is parsed as a list of its own.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <string>

#include "expr.hpp"

namespace data {

// Far deeper than a person writes, and no danger to the stack.
inline constexpr unsigned kMaxDepth = 100;
// Variables that use variables can double at every step; arguments of a command
// line alone stay below this.
inline constexpr size_t kMaxItems = 1'000'000;

// The value of a variable, or nullopt.
using Lookup = std::function<std::optional<std::string>(const std::string&)>;

struct Program {
  std::deque<Source> sources;  // what every Pos points into
  Expr root;                   // a Group
};

// Throws an Error that points into the text.
std::unique_ptr<Program> parse(const std::string& text, const Lookup& variable);

// Whether a parameter's name can be used as $NAME.
bool is_variable_name(std::string_view name);

}  // namespace data
