// SPDX-License-Identifier: BSD-3-Clause
//
// Making errors: sentences in lower case, no full stop, with the value that
// broke the rule. fail() builds one with fmt; sys() is the one way in which
// this code calls the operating system where failure cannot be gone on from.
#pragma once

#include <fmt/format.h>
#include <nbdkit/error.hpp>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

namespace nbd {

// "No such file or directory" and the like; safe in threads.
std::string errno_text(int errnum);

// "EIO"; "errno 1234" for a number that has no name here.
std::string errno_name(int errnum);
// The number of "EIO" (upper case) or of a decimal number; 0 if it is neither.
int errno_from_name(std::string_view name);

template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

// The same for a system call that has just set errno: ": <its text>" follows.
template <class... Args>
[[noreturn]] void fail_errno(int errnum, fmt::format_string<Args...> format, Args&&... args) {
  throw Error(errnum, fmt::format(format, std::forward<Args>(args)...) + ": " + errno_text(errnum));
}

// Calls until it is not EINTR. The result is the call's own.
template <class Call>
auto retry_eintr(Call&& call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

// sys([&] { return open(path, flags); }, "open {}", path): the call's result,
// or an Error "open /x: No such file or directory".
template <class Call, class... Args>
auto sys(Call&& call, fmt::format_string<Args...> format, Args&&... args) {
  auto result = retry_eintr(std::forward<Call>(call));
  if (result == -1) fail_errno(errno, format, std::forward<Args>(args)...);
  return result;
}

}  // namespace nbd
