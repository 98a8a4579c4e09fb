// SPDX-License-Identifier: BSD-3-Clause
//
// The protocol is one datagram. libsystemd would do as much, and be a dependency.
#include "notify.hpp"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"

namespace nbdfuse {

void notify_supervisor(std::string_view state) {
  const char* const path = std::getenv("NOTIFY_SOCKET");
  if (path == nullptr || *path == '\0') return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  const size_t length = std::strlen(path);
  if ((*path != '/' && *path != '@') || length >= sizeof address.sun_path) {
    nbd::log::error("NOTIFY_SOCKET \"{}\" is no socket of systemd", path);
    return;
  }
  std::memcpy(address.sun_path, path, length);
  if (*path == '@') address.sun_path[0] = '\0';  // a name that is no file's
  const nbd::Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + length);
  if (!socket || ::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
                          reinterpret_cast<const sockaddr*>(&address), size) == -1) {
    nbd::log::error("NOTIFY_SOCKET \"{}\": {}", path, nbd::errno_text(errno));
  }
}

}  // namespace nbdfuse
