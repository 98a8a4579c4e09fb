// SPDX-License-Identifier: BSD-3-Clause
//
// Debug flags: -D NAME.FLAG=N sets the int NAME_debug_FLAG in the plugin or
// filter NAME; -D nbdkit.FLAG=N one of the server's own.
//
// Threads: set before there are any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "layers/module.hpp"

namespace nbdkit {

// The server's own.
struct ServerDebugFlags {
  int backend_controlpath = 1;  // with -v: what opens, closes and configures
  int backend_datapath = 1;     // with -v: every request, at every layer
  int environ_ = 0;             // with -v: the environment, at the start
  int tls_log = 0;              // with -v: what GnuTLS says of its work, up to this level
  int tls_session = 0;          // with -v: what client and server have agreed on
};
ServerDebugFlags& server_debug_flags();

class DebugFlags {
 public:
  // Of the words NAME.FLAG=N; throws an Error that names the one that is none.
  explicit DebugFlags(const std::vector<std::string>& words);

  // Those of `name`, into its module. Throws an Error that names a flag which
  // the module does not have.
  void apply(std::string_view name, const Module& module);
  // Throws an Error that names a flag of a module that is not loaded.
  void check_all_applied() const;

 private:
  struct Flag {
    std::string module, name;
    int value;
    bool applied = false;
  };
  void apply_to_server();

  std::vector<Flag> flags_;
};

}  // namespace nbdkit
