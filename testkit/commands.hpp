// SPDX-License-Identifier: BSD-3-Clause
//
// What `testkit run`, `serve`, `check` and `proxy` do, given their options.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace testkit {

// Exit statuses, as the manual page has them.
constexpr int kExitPass = 0;
constexpr int kExitFailed = 1;  // a scenario failed
constexpr int kExitUsage = 2;   // a bad scenario file, or a bad command line

struct RunSettings {
  std::vector<std::string> paths;
  unsigned jobs = 1;
  std::vector<std::string> transports;  // empty: all
  std::string filter;                   // a glob; empty: all
  std::vector<std::string> tags;        // one of them; empty: all
  unsigned cell = 0;                    // 0: all
  std::optional<uint64_t> seed;
  std::string timeout = "60s";
  std::string nbdkit;  // empty: beside this program, else in PATH
  std::string junit, tap, json, html, keep_logs;
  std::string shard;           // "K/N": of every N cells the Kth; empty: all
  unsigned retries = 0;        // of a cell that has failed
  std::string guest = "auto";  // see the manual page
  bool list = false, quiet = false, trace = false;
};

struct ServeSettings {
  std::string path;  // of a scenario
  unsigned cell = 0;
  std::string transport;  // empty: the first there is
  std::optional<uint64_t> seed;
  std::string nbdkit, keep_logs;
};

struct ProxySettings {
  std::string listen, server;  // URIs
  std::string faults, trace;   // files; empty: none
  std::string tls_folder;      // ends the clients' TLS with what is in it; empty: passes it on
  bool tls_psk = false;        // ... with the keys in keys.psk
  std::optional<uint64_t> seed;
};

// Until SIGINT or SIGTERM.
int run_proxy(const ProxySettings& settings);
int run_scenarios(const RunSettings& settings);
// The server side of one cell, until SIGINT or SIGTERM.
int serve_scenario(const ServeSettings& settings);
int check_scenarios(const std::vector<std::string>& paths);

}  // namespace testkit
