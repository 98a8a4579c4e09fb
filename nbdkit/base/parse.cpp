// SPDX-License-Identifier: BSD-3-Clause
#include "base/parse.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

#include "base/error.hpp"

namespace nbd {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string_view skip_space(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) {
    text.remove_prefix(1);
  }
  return text;
}

// Removes the prefix that names the base, as C does.
int take_base(std::string_view& digits) {
  if (digits.size() > 2 && digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X')) {
    digits.remove_prefix(2);
    return 16;
  }
  if (digits.size() > 1 && digits[0] == '0') {
    digits.remove_prefix(1);
    return 8;
  }
  return 10;
}

// Digits of an unsigned number in any base that C reads.
uint64_t parse_magnitude(std::string_view what, std::string_view digits, std::string_view text) {
  const int base = take_base(digits);
  uint64_t value = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (ec == std::errc::result_out_of_range) fail("{}: number is out of range: \"{}\"", what, text);
  if (ec != std::errc{} || end != digits.data() + digits.size()) {
    fail("{}: could not parse number: \"{}\"", what, text);
  }
  return value;
}

// A finite decimal fraction from the front of text, which keeps the rest.
double take_decimal(std::string_view what, std::string_view& text, std::string_view whole) {
  double value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc{} || !std::isfinite(value))
    fail("{}: could not parse number: \"{}\"", what, whole);
  if (std::signbit(value)) fail("{}: number is negative: \"{}\"", what, whole);
  text.remove_prefix(static_cast<size_t>(end - text.data()));
  return value;
}

}  // namespace

uint64_t parse_size(std::string_view what, std::string_view text) {
  const std::string_view digits = skip_space(text);
  uint64_t value = 0;
  const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (ec == std::errc::invalid_argument) fail("{}: could not parse size: \"{}\"", what, text);

  const std::string_view unit(end, static_cast<size_t>(digits.data() + digits.size() - end));
  if (unit.size() > 1)
    fail("{}: could not parse size: trailing garbage \"{}\" in \"{}\"", what, unit, text);
  uint64_t scale = 1;
  if (!unit.empty()) {
    constexpr std::string_view kUnits = "bkmgtpe";
    const char c = static_cast<char>(std::tolower(static_cast<unsigned char>(unit[0])));
    const size_t power = kUnits.find(c);
    if (c == 's') {
      scale = 512;
    } else if (power == std::string_view::npos) {
      fail("{}: could not parse size: unknown unit \"{}\" in \"{}\"", what, unit, text);
    } else {
      scale = uint64_t{1} << (10 * power);
    }
  }
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  if (ec == std::errc::result_out_of_range || value > kMax / scale) {
    fail("{}: size is larger than 2^63-1 bytes: \"{}\"", what, text);
  }
  return value * scale;
}

uint64_t parse_unsigned(std::string_view what, std::string_view text, uint64_t max) {
  std::string_view digits = skip_space(text);
  if (!digits.empty() && digits.front() == '+') digits.remove_prefix(1);
  if (!digits.empty() && digits.front() == '-') fail("{}: number is negative: \"{}\"", what, text);
  const uint64_t value = parse_magnitude(what, digits, text);
  if (value > max) fail("{}: number is out of range: \"{}\" is larger than {}", what, text, max);
  return value;
}

int64_t parse_int(std::string_view what, std::string_view text, int64_t min, int64_t max) {
  std::string_view digits = skip_space(text);
  const bool negative = !digits.empty() && digits.front() == '-';
  if (!digits.empty() && (digits.front() == '-' || digits.front() == '+')) digits.remove_prefix(1);
  const uint64_t magnitude = parse_magnitude(what, digits, text);
  constexpr uint64_t kMax = std::numeric_limits<int64_t>::max();
  if (magnitude > kMax + (negative ? 1 : 0)) fail("{}: number is out of range: \"{}\"", what, text);
  const int64_t value = static_cast<int64_t>(negative ? ~magnitude + 1 : magnitude);
  if (value < min || value > max) {
    fail("{}: number is out of range: \"{}\" is not between {} and {}", what, text, min, max);
  }
  return value;
}

bool parse_bool(std::string_view what, std::string_view text) {
  constexpr std::array<std::string_view, 6> kTrue{"1", "true", "t", "yes", "y", "on"};
  constexpr std::array<std::string_view, 6> kFalse{"0", "false", "f", "no", "n", "off"};
  const std::string word = lower(text);
  if (std::find(kTrue.begin(), kTrue.end(), word) != kTrue.end()) return true;
  if (std::find(kFalse.begin(), kFalse.end(), word) != kFalse.end()) return false;
  fail("{}: expected true or false, got \"{}\"", what, text);
}

double parse_probability(std::string_view what, std::string_view text) {
  std::string_view rest = text;
  double value = take_decimal(what, rest, text);
  if (rest == "%") {
    value /= 100;
  } else if (!rest.empty() && (rest.front() == ':' || rest.front() == '/')) {
    rest.remove_prefix(1);
    const double divisor = take_decimal(what, rest, text);
    if (!rest.empty()) fail("{}: could not parse probability: \"{}\"", what, text);
    // 0:0 is no probability; upstream users write 0:1 for never.
    if (divisor == 0) fail("{}: division by zero: \"{}\"", what, text);
    value /= divisor;
    if (!std::isfinite(value)) fail("{}: probability is out of range: \"{}\"", what, text);
  } else if (!rest.empty()) {
    fail("{}: could not parse probability: \"{}\"", what, text);
  }
  return value;
}

std::chrono::nanoseconds parse_delay(std::string_view what, std::string_view text) {
  struct Unit {
    std::string_view suffix;
    double nanoseconds;
  };
  constexpr std::array<Unit, 7> kUnits{{{"", 1e9},
                                        {"s", 1e9},
                                        {"ms", 1e6},
                                        {"us", 1e3},
                                        {"\u00b5s", 1e3},  // micro sign
                                        {"\u03bcs", 1e3},  // Greek mu
                                        {"ns", 1}}};
  std::string_view rest = text;
  const double value = take_decimal(what, rest, text);
  for (const Unit& unit : kUnits) {
    if (rest != unit.suffix) continue;
    const double ns = std::round(value * unit.nanoseconds);
    constexpr double kLongest = 9.2e18;  // 292 years, what int64 nanoseconds hold
    if (ns > kLongest) fail("{}: delay is too long: \"{}\"", what, text);
    return std::chrono::nanoseconds(static_cast<int64_t>(ns));
  }
  fail("{}: could not parse delay: \"{}\" (a number of seconds, or with a unit: s, ms, us, ns)",
       what, text);
}

std::string format_size(uint64_t bytes) {
  constexpr std::string_view kUnits = "KMGTPE";
  size_t power = 0;
  while (bytes != 0 && bytes % 1024 == 0 && power < kUnits.size()) {
    bytes /= 1024;
    ++power;
  }
  return power == 0 ? fmt::format("{}", bytes) : fmt::format("{}{}", bytes, kUnits[power - 1]);
}

}  // namespace nbd
