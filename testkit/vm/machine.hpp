// SPDX-License-Identifier: BSD-3-Clause
//
// The process that runs a guest kernel, and the devices by which the guest reaches us.
#pragma once

#include <string>
#include <vector>

#include "base/process.hpp"
#include "vm/backend.hpp"
#include "vm/kernel.hpp"

namespace testkit::vm {

struct MachineFds {
  int console = -1, out = -1, err = -1, control = -1;
};

// What the guest is told of its devices: lines "key=value" for guest/guest.hpp.
std::vector<std::string> device_settings(Backend backend);

// Modules without which the guest does not see the host's files.
std::vector<std::string> boot_module_names(Backend backend);

// In a process group of its own, killed with the calling thread.
nbd::Child start_machine(Backend backend, const Kernel& kernel, const std::string& initramfs,
                         const std::vector<std::string>& shares, const std::string& scratch,
                         const MachineFds& fds);

}  // namespace testkit::vm
