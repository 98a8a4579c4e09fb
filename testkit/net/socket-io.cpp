// SPDX-License-Identifier: BSD-3-Clause
#include "net/socket-io.hpp"

#include <sys/socket.h>

#include "base/error.hpp"
#include "net/connect.hpp"

namespace testkit {

void fail_receive(int errnum) {
  if (errnum == EAGAIN || errnum == EWOULDBLOCK) {
    nbd::fail("the peer has said nothing for {} seconds", kPatienceSeconds);
  }
  nbd::fail_errno(errnum, "receive");
}

void send_all(int fd, nbd::wire::Bytes bytes) {
  while (!bytes.empty()) {
    const ssize_t sent =
        nbd::sys([&] { return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL); },
                 "send {} bytes", bytes.size());
    bytes = bytes.subspan(static_cast<size_t>(sent));
  }
}

void receive_all(int fd, std::span<std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t got = nbd::retry_eintr([&] { return ::recv(fd, bytes.data(), bytes.size(), 0); });
    if (got < 0) fail_receive(errno);
    if (got == 0) nbd::fail("the peer closed the connection");
    bytes = bytes.subspan(static_cast<size_t>(got));
  }
}

}  // namespace testkit
