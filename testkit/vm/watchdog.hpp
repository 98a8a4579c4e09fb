// SPDX-License-Identifier: BSD-3-Clause
//
// Ends a guest whose testkit was killed outright. The kernel kills UML's first process with ours,
// but not those that it traces (measured: three of them stay).
#pragma once

#include <string>

#include "base/process.hpp"

namespace testkit::vm {

class Watchdog {
 public:
  // Should we be gone before this is, the process group is killed and the folder removed.
  Watchdog(pid_t group, const std::string& folder);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

 private:
  nbd::Fd alive_;  // the end of a pipe that the shell reads
  nbd::Child shell_;
};

}  // namespace testkit::vm
