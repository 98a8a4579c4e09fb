// SPDX-License-Identifier: BSD-3-Clause
//
// The figures of a bench, for people and for programs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/measure.hpp"

namespace testkit::bench {

struct ServerRounds {
  std::string name;
  std::vector<Round> rounds;
};

struct WorkloadReport {
  Workload workload;
  std::vector<ServerRounds> servers;  // the first is what the others are compared to
};

struct BenchReport {
  std::vector<std::pair<std::string, std::string>> servers;  // name, command or URI
  double seconds = 0;                                        // of a round
  unsigned rounds = 0;
  std::vector<WorkloadReport> workloads;
};

struct Metric {
  const char* key;    // in JSON
  const char* title;  // with its unit
  std::function<std::optional<double>(const Round&)> value;
  bool more_is_better = false;
};
const std::vector<Metric>& metrics();

std::optional<Summary> summary_of(const ServerRounds& server, const Metric& metric);
// Three digits that matter: "123456", "12.3", "0.123".
std::string show_number(double value);

// Columns stand under each other; a line of medians with the ratio, then one of min-max.
std::string text_table(const WorkloadReport& report);
std::string markdown_report(const BenchReport& report);
std::string json_report(const BenchReport& report);
std::string html_report(const BenchReport& report);

}  // namespace testkit::bench
