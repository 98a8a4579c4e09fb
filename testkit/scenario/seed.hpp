// SPDX-License-Identifier: BSD-3-Clause
//
// Every random choice of a run comes from its one seed.
#pragma once

#include <cstdint>
#include <string_view>

namespace testkit {

// Steele, Lea and Flood's mixer: neighbouring inputs give unrelated outputs.
constexpr uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// The seed of a cell: from the run's seed and from what the cell is, never from
// when it runs. 31 bits, so that any program can take it as an int.
constexpr uint64_t cell_seed(uint64_t run_seed, std::string_view scenario, std::string_view cell) {
  uint64_t state = mix(run_seed);
  for (const std::string_view part : {scenario, std::string_view("\0", 1), cell}) {
    for (const char c : part) state = mix(state ^ static_cast<unsigned char>(c));
  }
  return state >> 33;
}

}  // namespace testkit
