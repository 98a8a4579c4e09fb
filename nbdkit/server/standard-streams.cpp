// SPDX-License-Identifier: BSD-3-Clause
#include "server/standard-streams.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.hpp"

namespace nbdkit {

void check_standard_streams() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) == -1) nbd::fail("file descriptor {} is closed", fd);
  }
}

StandardStreams take_standard_streams() {
  const auto copy = [](int fd) {
    return nbd::Fd(nbd::sys([&] { return ::fcntl(fd, F_DUPFD_CLOEXEC, 3); }, "dup {}", fd));
  };
  StandardStreams out{copy(STDIN_FILENO), copy(STDOUT_FILENO)};
  point_at_null(STDIN_FILENO);
  point_at_null(STDOUT_FILENO);
  return out;
}

void point_at_null(int standard_fd) {
  const nbd::Fd null(
      nbd::sys([] { return ::open("/dev/null", O_RDWR | O_CLOEXEC); }, "open /dev/null"));
  nbd::sys([&] { return ::dup2(null.get(), standard_fd); }, "dup2");
}

}  // namespace nbdkit
