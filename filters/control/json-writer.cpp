// SPDX-License-Identifier: BSD-3-Clause
#include "control/json-writer.hpp"

#include <cstddef>
#include <cstdint>

namespace nbd::filters {

namespace {

// The length of the UTF-8 character at the front; 0 if there is none.
size_t character(std::string_view text) {
  const auto at = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u;
  };
  const auto tail = [&](size_t i) { return (at(i) & 0xc0) == 0x80; };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first < 0xe0) return tail(1) ? 2 : 0;
  if (first >= 0xe0 && first < 0xf0) {
    const bool too_short = first == 0xe0 && at(1) < 0xa0;
    const bool surrogate = first == 0xed && at(1) >= 0xa0;
    return tail(1) && tail(2) && !too_short && !surrogate ? 3 : 0;
  }
  if (first >= 0xf0 && first < 0xf5) {
    const bool too_short = first == 0xf0 && at(1) < 0x90;
    const bool too_large = first == 0xf4 && at(1) >= 0x90;
    return tail(1) && tail(2) && tail(3) && !too_short && !too_large ? 4 : 0;
  }
  return 0;
}

void add_escaped(std::string& out, unsigned char c) {
  constexpr char kHex[] = "0123456789abcdef";
  ((out += "\\u00") += kHex[c >> 4]) += kHex[c & 15];
}

}  // namespace

std::string json_string(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const size_t length = character(text);
    const auto c = static_cast<unsigned char>(text[0]);
    if (length == 0 || c < ' ' || c == 0x7f) {
      add_escaped(out, c);
      text.remove_prefix(1);
      continue;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += text.substr(0, length);
    text.remove_prefix(length);
  }
  return out += '"';
}

}  // namespace nbd::filters
