// SPDX-License-Identifier: BSD-3-Clause
//
// One command in a guest kernel, over this machine's own root file system: read-only, with an
// overlay in memory that goes with the guest.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "net/wait.hpp"
#include "vm/backend.hpp"

namespace testkit::vm {

// Of a guest, overlay and all. Taken from the host as it is used.
inline constexpr uint64_t kMemoryMib = 768;

struct GuestCommand {
  std::vector<std::string> argv;
  std::vector<std::string> env;      // all of its environment
  std::string directory;             // where it runs: an absolute path
  std::vector<std::string> shares;   // folders whose changes stay, absolute
  std::vector<std::string> modules;  // to load besides the usual ones
  int out_fd = -1, err_fd = -1;      // take its output; borrowed. No terminals
  Duration timeout{};                // from its start
};

struct GuestEnd {
  enum class Kind {
    exited,      // the command has: `code`, as shells have it
    timed_out,   // after `timeout`
    failed,      // the guest did not start, panicked or hangs: `trouble` says so
    interrupted  // by the Interrupt
  };
  Kind kind = Kind::failed;
  int code = 0;
  std::string trouble;
  std::vector<std::string> console;  // its last lines, unless it exited
  bool started = false;              // the command has been
  Duration boot{};                   // until then
};

// Returns once nothing of the guest is left. Throws an Error if its kernel cannot be had.
//
// Threads: may be called in any; the guest is killed should that thread end before it returns.
GuestEnd run_guest(Backend backend, const GuestCommand& command, const Interrupt& interrupt);

// The words and names of our own environment, as GuestCommand::env wants them.
std::vector<std::string> own_environment();

}  // namespace testkit::vm
