// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "base/fd.hpp"

namespace nbdkit {

// Forks into the background. Returns in the child; the parent waits until the
// child is ready and exits with 0, or with 1 if it ends before that, so what
// goes wrong at start-up is still seen where the server was started.
class Background {
 public:
  Background() = default;  // stays in the foreground
  static Background enter();

  // The parent may go: the terminal is let go of, unless keep_stderr.
  void ready(bool keep_stderr);

 private:
  nbd::Fd tell_parent_;
};

// /dev/null in place of a standard stream.
void point_at_null(int standard_fd);

void write_pid_file(const std::string& path);

}  // namespace nbdkit
