// SPDX-License-Identifier: BSD-3-Clause
//
// What a text says, before any byte of it exists.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "source.hpp"

namespace data {

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct Literal {  // a byte, a word, a string
  std::string bytes;
};
struct Move {  // @N and its kin
  enum class How { to, forward, back, align } how;
  uint64_t n;
};
struct FileContent {
  std::string path;
};
struct CommandOutput {
  std::string script;
};
struct NameUse {
  std::string name;
};
struct Group {  // ( ... ), $VAR, and the whole text: a scope and offsets of its own
  std::vector<Expr> items;
};
struct Repeat {
  ExprPtr what;
  uint64_t count;
};
struct Slice {
  ExprPtr what;
  uint64_t start;
  std::optional<uint64_t> end;  // one past the last byte
};
struct Assign {  // stands for no bytes itself
  ExprPtr what;
  std::string name;
};

struct Expr {
  std::variant<Literal, Move, FileContent, CommandOutput, NameUse, Group, Repeat, Slice, Assign> is;
  Pos pos;
  unsigned height = 1;  // of the tree; bounded, since others walk it by recursion
};

}  // namespace data
