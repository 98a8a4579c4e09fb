// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

namespace nbdkit {

// Sockets that this thread makes while this lives get the SELinux label; an empty
// one changes nothing. Throws an Error if the kernel does not take the label, as
// one without SELinux never does.
class SocketLabel {
 public:
  explicit SocketLabel(const std::string& label);
  ~SocketLabel();
  SocketLabel(const SocketLabel&) = delete;
  SocketLabel& operator=(const SocketLabel&) = delete;

 private:
  const bool active_;
};

}  // namespace nbdkit
