// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace data {

inline constexpr std::string_view kBase64Alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";

// RFC 4648 with padding; white space is skipped. nullopt if it is anything else.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace data
