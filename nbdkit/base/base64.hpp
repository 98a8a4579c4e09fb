// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace nbd {

inline constexpr std::string_view kBase64Alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

// RFC 4648 with padding; white space is skipped. nullopt if it is anything else.
inline std::optional<std::string> decode_base64(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  unsigned digits = 0, padding = 0;  // of the group of four
  for (const char c : text) {
    if (c == ' ' || (c >= '\t' && c <= '\r')) continue;
    const size_t value = kBase64Alphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    if (value == 64) {
      if (digits + ++padding > 4 || digits < 2) return std::nullopt;
    } else if (padding > 0) {
      return std::nullopt;
    } else {
      bits = bits << 6 | static_cast<uint32_t>(value);
      ++digits;
    }
    if (digits == 4) {
      for (const int shift : {16, 8, 0}) out += static_cast<char>(bits >> shift);
      digits = 0;
    }
  }
  if (digits == 0) return out;
  if (digits + padding != 4) return std::nullopt;
  bits <<= 6 * padding;
  out += static_cast<char>(bits >> 16);
  if (digits == 3) out += static_cast<char>(bits >> 8);
  return out;
}

}  // namespace nbd
