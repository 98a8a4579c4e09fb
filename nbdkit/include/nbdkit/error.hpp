// SPDX-License-Identifier: BSD-3-Clause
//
// The two kinds of failure, and no third.
//
// Status: a request failed. A value that carries an errno; the data, if any,
//   is in the caller's buffer. Nothing throws on the request path.
// Error: start-up, configuration, handshake or a connection cannot go on. An
//   exception with a sentence for the user, caught in main, at the top of a
//   connection, at the entry of a thread and at the edge of the C ABI.
#pragma once

#include <cerrno>
#include <stdexcept>
#include <string>

namespace nbd {

// Default visibility: thrown in a module, caught in the server.
class __attribute__((visibility("default"))) Error : public std::runtime_error {
 public:
  explicit Error(const std::string& sentence) : std::runtime_error(sentence) {}
  // errnum: what a client is told where a reply can carry an errno.
  Error(int errnum, const std::string& sentence) : std::runtime_error(sentence), errnum_(errnum) {}

  int errnum() const noexcept { return errnum_; }

 private:
  int errnum_ = EIO;
};

class [[nodiscard]] Status {
 public:
  constexpr Status() = default;  // success
  constexpr explicit Status(int errnum) : errnum_(errnum) {}

  constexpr bool ok() const { return errnum_ == 0; }
  constexpr int errnum() const { return errnum_; }  // 0 is success
  constexpr bool operator==(const Status&) const = default;

 private:
  int errnum_ = 0;
};

inline constexpr Status kOk{};

}  // namespace nbd
