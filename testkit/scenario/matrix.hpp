// SPDX-License-Identifier: BSD-3-Clause
//
// The cells of a scenario: every combination of the values of "matrix" with
// every transport, less those that "exclude" names.
#pragma once

#include <string>
#include <vector>

#include "scenario/cursor.hpp"
#include "scenario/model.hpp"
#include "scenario/substitute.hpp"

namespace testkit {

struct Combination {
  Transport transport = Transport::unix_socket;
  JsonValues values;  // of the axes, in the order of the file

  std::string label() const;  // "unix how=rst size=1M"
};

// Limit on the cells of one file: more is a slip of the pen ("1..10000" as a
// list), and each cell takes about 30 ms.
constexpr size_t kMaxCells = 10000;

// Reads "transports", "matrix" and "exclude". The transport changes fastest.
std::vector<Combination> read_matrix(Object& root);

}  // namespace testkit
