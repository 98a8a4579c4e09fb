// SPDX-License-Identifier: BSD-3-Clause
//
// The command line of nbdkit(1). One row of a table per option
// (option-table.cpp), from which the parser, --help and shell completion are made.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "net/listen.hpp"
#include "net/tls.hpp"
#include "session/limits.hpp"

namespace nbdkit {

enum class LogTo { by_default, stderr_fd, syslog, null, file };

struct Options {
  // Questions, answered instead of serving.
  bool help = false;
  bool version = false;
  bool dump_config = false;
  bool dump_plugin = false;
  bool short_options = false;
  bool long_options = false;

  // The life of the process.
  bool foreground = false;
  bool exit_with_parent = false;
  bool swap = false;
  std::string run;
  std::string pid_file;  // absolute
  std::string user;      // empty: not given
  std::string group;

  // Where it listens.
  std::string ip_address;  // empty: all interfaces
  IpVersion ip_version = IpVersion::any;
  std::string port;         // of TCP or vsock; empty: not given
  std::string unix_socket;  // "-": a private one
  bool vsock = false;
  bool single = false;  // serves one client, on stdin and stdout
  bool keepalive = false;
  std::string selinux_label;
  std::string export_name;  // for $uri alone: it chooses no export by itself
  bool print_uri = false;

  // What it says.
  bool verbose = false;
  LogTo log = LogTo::by_default;
  std::string log_file;            // absolute; with LogTo::file
  std::string name;                // of this server, in its messages
  std::vector<std::string> debug;  // NAME.FLAG=N

  // What it offers to clients.
  bool read_only = false;
  bool oldstyle = false;
  bool structured_replies = true;
  bool meta_contexts = true;
  uint64_t handshake_mask = ~uint64_t{0};
  unsigned threads = 16;
  std::optional<TlsMode> tls;  // not given: on if there are credentials
  TlsSettings tls_settings;    // paths are absolute
  std::chrono::nanoseconds handshake_time = limits::kHandshakeTime;

  std::vector<std::string> filters;     // outermost first
  std::string plugin;                   // empty: none given
  std::vector<std::string> parameters;  // as they stand on the command line

  bool is_question() const {
    return help || version || dump_config || dump_plugin || short_options || long_options;
  }
};

// Throws an Error that names the option and the value.
Options parse_options(int argc, char** argv);

// The options, for --help.
std::string usage();

// What --short-options and --long-options print: one a line, sorted.
std::string list_short_options();
std::string list_long_options();

}  // namespace nbdkit
