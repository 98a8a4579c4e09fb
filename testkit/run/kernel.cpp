// SPDX-License-Identifier: BSD-3-Clause
#include "run/kernel.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include <fmt/format.h>

#include "net/endpoint.hpp"

namespace testkit {

bool module_is_there(const std::string& name) {
  std::string plain = name;  // the kernel's spelling
  std::replace(plain.begin(), plain.end(), '-', '_');
  if (::access(("/sys/module/" + plain).c_str(), F_OK) == 0) return true;
  // One that is built in and has no parameters is not in /sys/module.
  utsname kernel{};
  ::uname(&kernel);
  std::ifstream built_in(fmt::format("/lib/modules/{}/modules.builtin", kernel.release));
  for (std::string line; std::getline(built_in, line);) {
    std::replace(line.begin(), line.end(), '-', '_');
    if (line.ends_with("/" + plain + ".ko")) return true;
  }
  return false;
}

bool asks_of_kernel(const Cell& cell) {
  return cell.transport == Transport::vsock || !cell.scenario.needs.modules.empty();
}

std::string missing_in_kernel(const Cell& cell) {
  if (cell.transport == Transport::vsock && !vsock_works()) {
    return "this kernel has no vsock loopback";
  }
  for (const std::string& module : cell.scenario.needs.modules) {
    if (!module_is_there(module)) return fmt::format("kernel module {} is not loaded", module);
  }
  // With modules of its own, a cell is about a kernel: a guest's root will do.
  if (cell.scenario.needs.root && !cell.scenario.needs.modules.empty() && ::geteuid() != 0) {
    return "needs to run as root";
  }
  return "";
}

}  // namespace testkit
