// SPDX-License-Identifier: BSD-3-Clause
//
// `testkit bench`, given its options.
#pragma once

#include <string>
#include <vector>

namespace testkit::bench {

struct BenchSettings {
  std::vector<std::string> servers;  // "[@NAME ]COMMAND", ":loop"
  std::vector<std::string> uris;     // "[@NAME ]URI"
  std::vector<std::string> workloads;
  std::string time = "1s";  // of a round
  unsigned rounds = 3;
  unsigned threads = 0;  // of the client; 0: half of the processors
  bool verify = false, quiet = false;
  std::string before;                 // a shell's command, run before each round
  std::string tls_psk, tls_priority;  // a file; empty: no TLS
  std::string json, html, markdown;
};

struct Target {
  std::string name;
  std::string command, uri;  // one of them
};
// "@ours nbdkit -f ..." -> "ours", "nbdkit -f ..."; else named after its first word.
// Throws an Error for a command that says neither $unixsocket nor $port.
Target parse_server(const std::string& text);
Target parse_target_uri(const std::string& text);

int run_bench(const BenchSettings& settings);

}  // namespace testkit::bench
