// SPDX-License-Identifier: BSD-3-Clause
#include "net/socket-label.hpp"

#include <selinux/selinux.h>

#include <cerrno>

#include "base/error.hpp"

namespace nbdkit {

SocketLabel::SocketLabel(const std::string& label) : active_(!label.empty()) {
  if (!active_ || ::setsockcreatecon_raw(label.c_str()) == 0) return;
  const int error = errno;
  nbd::fail("--selinux-label: cannot label sockets {}: {}{}", label, nbd::errno_text(error),
            ::is_selinux_enabled() == 1 ? "" : " (SELinux is not running here)");
}

SocketLabel::~SocketLabel() {
  if (active_) ::setsockcreatecon_raw(nullptr);
}

}  // namespace nbdkit
