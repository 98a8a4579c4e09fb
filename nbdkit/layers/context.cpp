// SPDX-License-Identifier: BSD-3-Clause
#include "layers/context.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

namespace nbdkit {

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
