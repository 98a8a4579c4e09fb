// SPDX-License-Identifier: BSD-3-Clause
//
// A page that needs nothing but itself: a plot of bars for each figure, with a
// line from the least to the greatest round.
#include <fmt/format.h>

#include <algorithm>

#include "bench/report.hpp"

namespace testkit::bench {

namespace {

constexpr double kBarWidth = 270;
constexpr double kRow = 24;
// At 12 pixels a character is at most so wide, and a value with its ratio needs so much.
constexpr double kCharacter = 7.5, kValue = 105;

std::string escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (static_cast<unsigned char>(c) < ' ')
      out += ' ';
    else
      out += c;
  }
  return out;
}

// What stands at the end of a bar.
std::string caption(const ServerRounds& server, const WorkloadReport& report, const Metric& metric,
                    const Summary& s) {
  const ServerRounds& first = report.servers.front();
  const auto to_first = ratio(s, summary_of(first, metric));
  if (&server == &first || !to_first) return show_number(s.median);
  return fmt::format("{} ({:.2f}x)", show_number(s.median), *to_first);
}

std::string bar(size_t row, double labels, const std::string& name, const std::string& text,
                const Summary& s, double scale) {
  const double y = static_cast<double>(row) * kRow + 4;
  return fmt::format(
      "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>"
      "<rect class=\"bar b{}\" x=\"{}\" y=\"{}\" width=\"{:.1f}\" height=\"16\"/>"
      "<line x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{}\" y2=\"{}\"/>"
      "<text x=\"{:.1f}\" y=\"{}\">{}</text>\n",
      labels - 8, y + 12, escape(name), row % 5, labels, y, s.median * scale,
      labels + s.min * scale, labels + s.max * scale, y + 8, y + 8, labels + s.max * scale + 6,
      y + 12, text);
}

std::string plot(const WorkloadReport& report, const Metric& metric) {
  double most = 0;
  size_t longest = 0;
  for (const ServerRounds& server : report.servers) {
    if (const auto s = summary_of(server, metric)) most = std::max(most, s->max);
    longest = std::max(longest, server.name.size());
  }
  if (most <= 0) return "";
  const double labels = 16 + kCharacter * static_cast<double>(longest);
  std::string rows;
  size_t row = 0;
  for (const ServerRounds& server : report.servers) {
    if (const auto s = summary_of(server, metric)) {
      rows +=
          bar(row, labels, server.name, caption(server, report, metric, *s), *s, kBarWidth / most);
    }
    ++row;
  }
  return fmt::format(
      "<figure><figcaption>{} <small>{} is better</small></figcaption>"
      "<svg width=\"{}\" height=\"{}\" role=\"img\">\n{}</svg></figure>\n",
      metric.title, metric.more_is_better ? "more" : "less", labels + kBarWidth + kValue,
      static_cast<double>(row) * kRow + 4, rows);
}

constexpr const char* kStyle =
    "body{font:15px/1.4 sans-serif;max-width:1250px;margin:2em auto;padding:0 1em;color:#222}"
    "figure{display:inline-block;margin:0 1em 1em "
    "0}figcaption{font-weight:bold}small{font-weight:normal;color:#666}"
    "svg text{font-size:12px}svg line{stroke:#222;stroke-width:1.5}"
    ".b0{fill:#4c78a8}.b1{fill:#f0a04b}.b2{fill:#72b27c}.b3{fill:#c96a6a}.b4{fill:#9a86b8}"
    "h2,code{font-family:monospace}";

}  // namespace

std::string html_report(const BenchReport& report) {
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>"
      "<title>NBD servers compared</title><style>{}</style></head><body>\n"
      "<h1>NBD servers compared</h1>\n<p>{} round{} of {:g} s each; bars are medians, lines go "
      "from "
      "the least to the greatest round; in brackets is the ratio to the first server.</p>\n<ul>\n",
      kStyle, report.rounds, report.rounds == 1 ? "" : "s", report.seconds);
  for (const auto& [name, what] : report.servers) {
    out += fmt::format("<li>{}: <code>{}</code></li>\n", escape(name), escape(what));
  }
  out += "</ul>\n";
  for (const WorkloadReport& one : report.workloads) {
    out += fmt::format("<h2>{}</h2>\n", escape(one.workload.text));
    for (const Metric& metric : metrics()) out += plot(one, metric);
  }
  return out + "</body></html>\n";
}

}  // namespace testkit::bench
