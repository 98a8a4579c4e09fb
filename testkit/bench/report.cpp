// SPDX-License-Identifier: BSD-3-Clause
#include "bench/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace testkit::bench {

namespace {

using Json = nlohmann::ordered_json;
using Rows = std::vector<std::vector<std::string>>;

// The metrics that any server of this workload has.
std::vector<const Metric*> shown(const WorkloadReport& report) {
  std::vector<const Metric*> out;
  for (const Metric& metric : metrics()) {
    const bool any = std::any_of(report.servers.begin(), report.servers.end(),
                                 [&](const auto& s) { return summary_of(s, metric).has_value(); });
    if (any) out.push_back(&metric);
  }
  return out;
}

std::string median_cell(const WorkloadReport& report, const ServerRounds& server,
                        const Metric& metric) {
  const auto summary = summary_of(server, metric);
  if (!summary) return "-";
  const bool is_first = &server == &report.servers.front();
  const auto to_first = ratio(summary, summary_of(report.servers.front(), metric));
  std::string out = show_number(summary->median);
  if (!is_first && to_first) out += fmt::format(" ({:.2f}x)", *to_first);
  return out;
}

std::string range_cell(const ServerRounds& server, const Metric& metric) {
  const auto summary = summary_of(server, metric);
  return summary ? show_number(summary->min) + "-" + show_number(summary->max) : "-";
}

}  // namespace

const std::vector<Metric>& metrics() {
  static const std::vector<Metric> all{
      {"iops", "IOPS", [](const Round& r) { return std::optional(r.iops); }, true},
      {"mb_per_s", "MB/s",
       [](const Round& r) { return r.mb_per_s > 0 ? std::optional(r.mb_per_s) : std::nullopt; },
       true},
      {"p50_us", "p50 us", [](const Round& r) { return std::optional(r.p50_us); }},
      {"p99_us", "p99 us", [](const Round& r) { return std::optional(r.p99_us); }},
      {"p999_us", "p99.9 us", [](const Round& r) { return std::optional(r.p999_us); }},
      {"cpu_us", "CPU us/request", [](const Round& r) { return r.cpu_us; }},
      {"peak_mb", "peak MiB", [](const Round& r) { return r.peak_mb; }},
      {"kb_per_connection", "KiB/connection", [](const Round& r) { return r.kb_per_connection; }}};
  return all;
}

std::optional<Summary> summary_of(const ServerRounds& server, const Metric& metric) {
  std::vector<std::optional<double>> values;
  for (const Round& round : server.rounds) values.push_back(metric.value(round));
  return summarize(std::move(values));
}

std::string show_number(double value) {
  const double size = value < 0 ? -value : value;
  if (size >= 100 || size == 0) return fmt::format("{:.0f}", value);
  if (size >= 10) return fmt::format("{:.1f}", value);
  return size >= 1 ? fmt::format("{:.2f}", value) : fmt::format("{:.3f}", value);
}

std::string text_table(const WorkloadReport& report) {
  const auto columns = shown(report);
  Rows rows{{report.workload.text}};
  for (const Metric* metric : columns) rows[0].emplace_back(metric->title);
  for (const ServerRounds& server : report.servers) {
    std::vector<std::string> medians{"  " + server.name}, ranges{"    min-max"};
    for (const Metric* metric : columns) {
      medians.push_back(median_cell(report, server, *metric));
      ranges.push_back(range_cell(server, *metric));
    }
    rows.push_back(std::move(medians));
    if (server.rounds.size() > 1) rows.push_back(std::move(ranges));
  }
  std::vector<size_t> widths(columns.size() + 1, 0);
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    out += fmt::format("{:<{}}", row[0], widths[0]);
    for (size_t i = 1; i < row.size(); ++i) out += fmt::format("  {:>{}}", row[i], widths[i]);
    out += '\n';
  }
  return out;
}

std::string markdown_report(const BenchReport& report) {
  std::string out;
  for (const WorkloadReport& one : report.workloads) {
    const auto columns = shown(one);
    std::string head = "| `" + one.workload.text + "` |", line = "| --- |";
    for (const Metric* metric : columns) {
      head += fmt::format(" {} |", metric->title);
      line += " --- |";
    }
    out += head + "\n" + line + "\n";
    for (const ServerRounds& server : one.servers) {
      out += "| " + server.name + " |";
      for (const Metric* metric : columns) {
        const std::string range =
            server.rounds.size() > 1 ? "<br>" + range_cell(server, *metric) : "";
        out += fmt::format(" {}{} |", median_cell(one, server, *metric), range);
      }
      out += '\n';
    }
    out += '\n';
  }
  return out;
}

std::string json_report(const BenchReport& report) {
  Json servers = Json::array(), workloads = Json::array();
  for (const auto& [name, what] : report.servers) {
    servers.push_back({{"name", name}, {"server", what}});
  }
  for (const WorkloadReport& one : report.workloads) {
    Json results = Json::array();
    for (const ServerRounds& server : one.servers) {
      Json result{{"server", server.name}};
      for (const Metric& metric : metrics()) {
        const auto summary = summary_of(server, metric);
        if (!summary) continue;
        Json rounds = Json::array();
        for (const Round& round : server.rounds) {
          const auto value = metric.value(round);
          rounds.push_back(value ? Json(*value) : Json());
        }
        Json figures{{"median", summary->median},
                     {"min", summary->min},
                     {"max", summary->max},
                     {"rounds", std::move(rounds)}};
        if (const auto x = ratio(summary, summary_of(one.servers.front(), metric))) {
          figures["ratio"] = *x;
        }
        result[metric.key] = std::move(figures);
      }
      results.push_back(std::move(result));
    }
    workloads.push_back({{"workload", one.workload.text}, {"results", std::move(results)}});
  }
  const Json all{{"seconds", report.seconds},
                 {"rounds", report.rounds},
                 {"servers", std::move(servers)},
                 {"workloads", std::move(workloads)}};
  return all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace testkit::bench
