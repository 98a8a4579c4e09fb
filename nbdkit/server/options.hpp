// SPDX-License-Identifier: BSD-3-Clause
//
// The command line of nbdkit(1). One row of a table per option (options.cpp),
// from which the parser and --help are made.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "net/tls-credentials.hpp"
#include "session/limits.hpp"

namespace nbdkit {

struct Options {
  bool help = false;
  bool dump_config = false;
  bool dump_plugin = false;
  bool version = false;
  bool verbose = false;
  bool foreground = false;
  bool read_only = false;
  bool oldstyle = false;
  bool structured_replies = true;
  unsigned threads = 16;
  std::string export_name;  // for --run alone: it chooses no export by itself
  std::string ip_address;   // empty: all interfaces
  std::string port;         // empty: not given
  std::string unix_socket;  // "-": a private one
  std::string pid_file;     // absolute
  std::string run;
  std::vector<std::string> filters;  // outermost first
  std::vector<std::string> debug;    // NAME.FLAG=N
  std::optional<TlsMode> tls;        // not given: on if there are credentials
  TlsSettings tls_settings;          // paths are absolute
  std::chrono::nanoseconds handshake_time = limits::kHandshakeTime;

  std::string plugin;                   // empty: none given
  std::vector<std::string> parameters;  // as they stand on the command line

  bool listens_on_tcp() const { return unix_socket.empty(); }
};

// Throws an Error that names the option and the value.
Options parse_options(int argc, char** argv);

// The options, for --help.
std::string usage();

}  // namespace nbdkit
