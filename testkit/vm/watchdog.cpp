// SPDX-License-Identifier: BSD-3-Clause
#include "vm/watchdog.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "base/error.hpp"

namespace testkit::vm {

Watchdog::Watchdog(pid_t group, const std::string& folder) {
  int ends[2];
  nbd::sys([&] { return ::pipe2(ends, O_CLOEXEC); }, "pipe");
  const nbd::Fd read_end(ends[0]);
  alive_ = nbd::Fd(ends[1]);
  nbd::SpawnOptions options;
  // Its end of file is ours. A group is its own until the last of it is gone, so the number is
  // that of no other.
  options.argv = {"/bin/sh", "-c", "read -r word || { kill -KILL \"-$0\"; rm -rf -- \"$1\"; }",
                  std::to_string(group), folder};
  options.stdin_fd = read_end.get();
  options.own_group = true;  // Ctrl-C is for us
  shell_ = nbd::spawn(options);
}

Watchdog::~Watchdog() {
  [[maybe_unused]] const auto n = ::write(alive_.get(), "done\n", 5);
  alive_.reset();
  shell_.wait();
}

}  // namespace testkit::vm
