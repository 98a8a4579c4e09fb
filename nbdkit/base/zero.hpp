// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <cstring>
#include <span>

namespace nbd {

// Ends at the first byte that is not, so data is found out quickly.
inline bool is_zero(std::span<const std::byte> bytes) {
  // Every byte is the one after it, and the first is zero.
  return bytes.empty() || (bytes[0] == std::byte{0} &&
                           std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

}  // namespace nbd
