// SPDX-License-Identifier: BSD-3-Clause
#include "server/activation.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <limits>
#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/parse.hpp"

namespace nbdkit {

namespace {

constexpr int kFirst = 3;
constexpr uint64_t kMost = 16;  // as in the original; a typing error is more likely

std::optional<std::string> take(const char* variable) {
  const char* value = ::getenv(variable);
  std::optional<std::string> out;
  if (value != nullptr) out = value;
  ::unsetenv(variable);
  return out;
}

int socket_option(int fd, int option) {
  int value = 0;
  socklen_t size = sizeof value;
  return ::getsockopt(fd, SOL_SOCKET, option, &value, &size) == 0 ? value : -1;
}

nbd::Fd checked(int number) {
  nbd::Fd socket(number);
  const int status_flags = ::fcntl(number, F_GETFL);
  if (status_flags == -1) {
    const int error = errno;
    [[maybe_unused]] const int nothing_to_close = socket.release();
    nbd::fail_errno(error, "LISTEN_FDS: file descriptor {}", number);
  }
  if (socket_option(number, SO_TYPE) != SOCK_STREAM || socket_option(number, SO_ACCEPTCONN) != 1) {
    nbd::fail("LISTEN_FDS: file descriptor {} is not a listening stream socket", number);
  }
  nbd::sys([&] { return ::fcntl(number, F_SETFD, FD_CLOEXEC); }, "fcntl {}", number);
  nbd::sys([&] { return ::fcntl(number, F_SETFL, status_flags | O_NONBLOCK); }, "fcntl {}", number);
  return socket;
}

}  // namespace

std::vector<nbd::Fd> take_activation_sockets() {
  const auto pid = take("LISTEN_PID");
  const auto count = take("LISTEN_FDS");
  take("LISTEN_FDNAMES");
  if (!pid || !count) return {};
  const auto whose = nbd::parse_unsigned("LISTEN_PID", *pid, std::numeric_limits<int32_t>::max());
  if (whose != static_cast<uint64_t>(::getpid())) return {};  // our parent's, it did not clean up
  const uint64_t n = nbd::parse_unsigned("LISTEN_FDS", *count, kMost);
  if (n == 0) nbd::fail("LISTEN_FDS: expected 1 to {} sockets, got 0", kMost);
  std::vector<nbd::Fd> out;
  for (uint64_t i = 0; i < n; ++i) out.push_back(checked(kFirst + static_cast<int>(i)));
  return out;
}

void check_with_activation(const Options& o) {
  const auto refuse = [](const char* option, bool given) {
    if (given) nbd::fail("{} cannot be used with socket activation (LISTEN_FDS)", option);
  };
  refuse("-i", !o.ip_address.empty());
  refuse("-p", !o.port.empty());
  refuse("-s", o.single);
  refuse("-U", !o.unix_socket.empty());
  refuse("--run", !o.run.empty());
  refuse("--vsock", o.vsock);
  refuse("--selinux-label", !o.selinux_label.empty());
}

}  // namespace nbdkit
