// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>

namespace nbd {

// Every bit of the argument changes half of the result.
constexpr uint64_t mix(uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// The Nth number (from 0) of splitmix64 started with `seed`: they look random
// and can be asked for in any order. https://prng.di.unimi.it/splitmix64.c
constexpr uint64_t nth_mix(uint64_t seed, uint64_t n) {
  return mix(seed + (n + 1) * 0x9e3779b97f4a7c15);
}

}  // namespace nbd
