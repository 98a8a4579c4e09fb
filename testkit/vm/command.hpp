// SPDX-License-Identifier: BSD-3-Clause
//
// What `testkit vm` does, given its options.
#pragma once

#include <string>
#include <vector>

namespace testkit::vm {

// Exit statuses besides the command's own, as timeout(1) and env(1) have them.
constexpr int kExitTimedOut = 124;
constexpr int kExitNoGuest = 125;  // also: it panicked, or hangs

struct VmSettings {
  std::string backend = "auto";
  std::string timeout = "600s";
  std::string directory;  // empty: ours
  std::vector<std::string> shares, modules;
  bool prepare = false, verbose = false;
  std::vector<std::string> command;
};

int run_vm(const VmSettings& settings);

}  // namespace testkit::vm
