// SPDX-License-Identifier: BSD-3-Clause
#include "layers/context.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace nbdkit {

namespace {

struct LastError {
  uint64_t serial = 0;  // of the work in which it was said
  std::string text;
};
thread_local uint64_t last_serial = 0;
thread_local LastError last;

}  // namespace

void begin_work() noexcept { current.serial = ++last_serial; }

void remember_error(std::string_view text) noexcept {
  try {
    last.text = text;
    last.serial = current.serial;
  } catch (const std::exception&) {  // it is in the log
  }
}

std::string last_error() { return last.serial == current.serial ? last.text : std::string(); }

Server& server() {
  static Server instance;
  return instance;
}

void Server::request_quit() noexcept {
  const int saved = errno;
  const uint64_t one = 1;
  if (quit_fd >= 0) [[maybe_unused]]
    const auto n = ::write(quit_fd, &one, sizeof one);
  errno = saved;
}

bool Server::quitting() const noexcept {
  pollfd p{quit_fd, POLLIN, 0};
  return quit_fd >= 0 && ::poll(&p, 1, 0) > 0;
}

}  // namespace nbdkit
