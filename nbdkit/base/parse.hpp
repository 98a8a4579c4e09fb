// SPDX-License-Identifier: BSD-3-Clause
//
// The spellings of numbers, sizes and times that users type. Each parser takes
// the whole string and throws an Error that says "what: ..." and shows it.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace nbd {

// "1", "64K", "1T": decimal, then one of b k m g t p e (powers of 1024) or s
// (512-byte sectors) in either case. At most 2^63-1.
uint64_t parse_size(std::string_view what, std::string_view text);

// "12", "0x1f", "017" (any base that C reads), within [min, max].
int64_t parse_int(std::string_view what, std::string_view text, int64_t min, int64_t max);
uint64_t parse_unsigned(std::string_view what, std::string_view text, uint64_t max);

// 1 true t yes y on, 0 false f no n off; in either case.
bool parse_bool(std::string_view what, std::string_view text);

// "0.1", "1e-1", "10%", "1:10", "1/10": finite, not negative, may exceed 1.
double parse_probability(std::string_view what, std::string_view text);

// "1", "1.2", "1.2s", "20ms", "5us", "5μs", "100ns"; a bare number is seconds.
std::chrono::nanoseconds parse_delay(std::string_view what, std::string_view text);

// 65536 -> "64K", 1000 -> "1000": what parse_size reads back as the same.
std::string format_size(uint64_t bytes);

}  // namespace nbd
