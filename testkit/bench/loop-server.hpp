// SPDX-License-Identifier: BSD-3-Clause
//
// The floor that servers are measured against: a disk in memory behind the least
// loop that speaks the protocol. It reads many requests with one recv and
// answers them with one sendmsg; no plugins, no workers, no logs.
#pragma once

#include <cstdint>
#include <string>

namespace testkit::bench {

struct LoopServer {
  std::string socket_path;  // else ...
  uint16_t port = 0;        // ... TCP, on 127.0.0.1
  uint64_t size = 0;        // of the disk
};

// Serves until the process is killed. Throws an Error if it cannot listen.
[[noreturn]] void serve_loop(const LoopServer& settings);

}  // namespace testkit::bench
