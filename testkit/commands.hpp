// SPDX-License-Identifier: BSD-3-Clause
//
// What `testkit run`, `testkit check` and `testkit proxy` do, given their options.
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
  std::string junit, json, keep_logs;
  bool list = false, quiet = false;
};

struct ProxySettings {
  std::string listen, server;  // URIs
  std::string faults, trace;   // files; empty: none
  std::optional<uint64_t> seed;
};

// Until SIGINT or SIGTERM.
int run_proxy(const ProxySettings& settings);
int run_scenarios(const RunSettings& settings);
int check_scenarios(const std::vector<std::string>& paths);

}  // namespace testkit
