// SPDX-License-Identifier: BSD-3-Clause
#include "base/error.hpp"

#include <charconv>
#include <cstring>
#include <string_view>
#include <system_error>

namespace nbd {

std::string errno_text(int errnum) { return std::generic_category().message(errnum); }

std::string errno_name(int errnum) {
  const char* name = ::strerrorname_np(errnum);
  return name != nullptr && errnum > 0 ? std::string(name) : fmt::format("errno {}", errnum);
}

int errno_from_name(std::string_view name) {
  if (name == "ENOTSUP") return ENOTSUP;  // the protocol's word for EOPNOTSUPP
  constexpr int kLastName = 133;          // EHWPOISON, on every Linux
  for (int errnum = 1; errnum <= kLastName; ++errnum) {
    const char* known = ::strerrorname_np(errnum);
    if (known != nullptr && name == known) return errnum;
  }
  int number = 0;
  auto [end, ec] = std::from_chars(name.data(), name.data() + name.size(), number);
  return ec == std::errc{} && end == name.data() + name.size() && number > 0 ? number : 0;
}

}  // namespace nbd
