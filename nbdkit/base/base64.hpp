// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nbd {

// RFC 4648. Line breaks and other white space may stand anywhere, the padding
// at the end may be left out; nothing for any other character.
inline std::optional<std::string> decode_base64(std::string_view text) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  uint32_t bits = 0;
  unsigned count = 0, digits = 0, padding = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\n' || c == '\r' || c == '\t') continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos || padding != 0) return std::nullopt;
    ++digits;
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count < 8) continue;
    count -= 8;
    out.push_back(static_cast<char>(bits >> count & 0xff));
  }
  // One digit alone is 6 bits: no byte.
  const bool whole = padding == 0 || (padding <= 2 && (digits + padding) % 4 == 0);
  if (digits % 4 == 1 || !whole) return std::nullopt;
  return out;
}

}  // namespace nbd
