// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "base/fd.hpp"
#include "server/options.hpp"

namespace nbdkit {

// Forks into the background. Returns in the child; the parent waits until the
// child is ready and exits with 0, or with 1 if it ends before that, so what
// goes wrong at start-up is still seen where the server was started. Signals that
// come until then are passed on to the child.
class Background {
 public:
  Background() = default;  // stays in the foreground
  static Background enter();

  // The parent may go: errors go to syslog unless the user has said where, and
  // the terminal is let go of unless it is still written to.
  void ready(const Options& options);

 private:
  nbd::Fd tell_parent_;
};

}  // namespace nbdkit
