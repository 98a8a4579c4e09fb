// SPDX-License-Identifier: BSD-3-Clause
//
// The page's script (page/*.js) reads what is made here: the same names as in the JSON
// report, but each scenario once, and messages, of which there are thousands, as rows:
// [number, ms, connection, sender, kind, text, bytes, fault, answers, latency in ms].
#include "report/html.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "report/console.hpp"
#include "report/page.hpp"

namespace testkit {

namespace {

using Json = nlohmann::ordered_json;

// Microseconds are as fine as the trace means anything.
double rounded_ms(Duration time) { return std::round(milliseconds(time) * 1000) / 1000; }

const char* outcome(const Job& job, const CellResult& result) {
  switch (result.verdict) {
    case Verdict::failed: return "failed";
    case Verdict::skipped: return "skipped";
    case Verdict::passed: break;
  }
  return failed_as_known(job, result) ? "known" : "passed";
}

Json row(const WireTrace::Event& e) {
  std::string faults;
  for (const proxy::TraceFault& f : e.faults) {
    faults += fmt::format("{}{}: {}", faults.empty() ? "" : "; ", f.rule + 1, f.note);
  }
  Json j{e.number, rounded_ms(e.time), e.connection};
  j.push_back(!e.place ? "" : e.from_client ? "C" : "S");
  j.push_back(e.place ? proxy::name_of(*e.place) : "");
  j.push_back(e.text);
  j.push_back(e.bytes);
  if (faults.empty() && !e.answers) return j;
  j.push_back(faults);
  if (!e.answers) return j;
  j.push_back(*e.answers);
  j.push_back(rounded_ms(e.latency));
  return j;
}

Json cell_data(const RunReport& report, const Job& job, const CellResult& result) {
  Json values = Json::object(), actions = Json::array(), traces = Json::array();
  for (const auto& [key, value] : job.cell->values) values[key] = value;
  for (const Action& a : result.actions) {
    actions.push_back({{"what", a.what},
                       {"expected", a.expected},
                       {"happened", a.happened},
                       {"passed", a.passed},
                       {"at", rounded_ms(a.ended - a.took - result.started)},
                       {"ms", rounded_ms(a.took)},
                       {"details", a.details}});
  }
  for (const WireTrace& trace : result.traces) {
    Json events = Json::array();
    for (const WireTrace::Event& event : trace.events) events.push_back(row(event));
    traces.push_back({{"at", rounded_ms(trace.start - result.started)},
                      {"total", trace.total},
                      {"events", std::move(events)}});
  }
  return {{"number", job.cell->number},
          {"label", job.cell->label},
          {"transport", transport_name(job.cell->transport)},
          {"values", std::move(values)},
          {"outcome", outcome(job, result)},
          {"skip_reason", result.skip_reason},
          {"known_issue", job.cell->scenario.known_issue},
          {"ms", rounded_ms(result.took)},
          {"failed_tries", result.failed_tries},
          {"again", command_to_repeat(report, job)},
          {"actions", std::move(actions)},
          {"traces", std::move(traces)}};
}

Json page_data(const RunReport& report) {
  Json scenarios = Json::array();
  for (size_t i = 0; i < report.jobs.size(); ++i) {
    const ScenarioFile& file = *report.jobs[i].file;
    if (i == 0 || report.jobs[i - 1].file != &file) {
      scenarios.push_back({{"id", file.id},
                           {"name", file.name},
                           {"why", file.why},
                           {"tags", file.tags},
                           {"file", file.path},
                           {"cells", Json::array()}});
    }
    scenarios.back()["cells"].push_back(cell_data(report, report.jobs[i], report.results[i]));
  }
  return {{"seed", std::to_string(report.seed)},  // a number of JavaScript has 53 bits
          {"nbdkit", report.nbdkit},
          {"ms", rounded_ms(report.took)},
          {"scenarios", std::move(scenarios)}};
}

// In a <script> nothing is escaped, and "</script" or "<!--" would end or change it. In JSON
// a "<" stands only inside strings, where it can be written so.
std::string for_script(const Json& data) {
  std::string out;
  for (const char c : data.dump(-1, ' ', false, Json::error_handler_t::replace)) {
    if (c == '<')
      out += "\\u003c";
    else
      out += c;
  }
  return out;
}

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      default: out += c;
    }
  }
  return out;
}

// For a browser that may not run scripts, as where Jenkins shows it.
std::string plain_text(const RunReport& report) {
  const RunReport::Totals totals = report.totals();
  std::string out = fmt::format("{} passed, {} failed, {} skipped, seed {}\n\n", totals.passed,
                                totals.failed, totals.skipped, report.seed);
  for (size_t i = 0; i < report.jobs.size(); ++i) {
    if (report.results[i].verdict == Verdict::failed) {
      out += failure_block(report, report.jobs[i], report.results[i], false);
    }
  }
  return escape(out);
}

}  // namespace

std::string html_report(const RunReport& report) {
  std::string out;
  std::string_view rest = page::kHtml;
  const auto fill = [&](std::string_view mark, std::string_view text) {
    const size_t at = rest.find(mark);
    out += rest.substr(0, at);
    out += text;
    rest.remove_prefix(at + mark.size());
  };
  fill("/*STYLE*/", page::kStyle);
  fill("<!--PLAIN-->", plain_text(report));
  fill("/*DATA*/", for_script(page_data(report)));
  fill("/*SCRIPT*/", page::kScript);
  return out.append(rest);
}

}  // namespace testkit
