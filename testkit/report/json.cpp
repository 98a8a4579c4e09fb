// SPDX-License-Identifier: BSD-3-Clause
#include "report/json.hpp"

#include <nlohmann/json.hpp>

namespace testkit {

namespace {

using Json = nlohmann::ordered_json;

const char* word(Verdict verdict) {
  switch (verdict) {
    case Verdict::passed: return "passed";
    case Verdict::failed: return "failed";
    case Verdict::skipped: break;
  }
  return "skipped";
}

Json to_json(const Action& action, const CellResult& cell) {
  return {{"what", action.what},
          {"expected", action.expected},
          {"happened", action.happened},
          {"passed", action.passed},
          {"at_ms", milliseconds(action.ended - action.took - cell.started)},
          {"ms", milliseconds(action.took)},
          {"details", action.details}};
}

Json to_json(const WireTrace& trace, const CellResult& cell) {
  Json events = Json::array();
  for (const WireTrace::Event& event : trace.events) {
    Json j = proxy::to_json(event);
    j["number"] = event.number;
    if (event.answers) {
      j["answers"] = *event.answers;
      j["latency_ms"] = milliseconds(event.latency);
    }
    events.push_back(std::move(j));
  }
  return {{"at_ms", milliseconds(trace.start - cell.started)},
          {"total", trace.total},
          {"events", std::move(events)}};
}

Json to_json(const RunReport& report, const Job& job, const CellResult& result) {
  Json values = Json::object();
  for (const auto& [key, value] : job.cell->values) values[key] = value;
  Json actions = Json::array();
  for (const Action& action : result.actions) actions.push_back(to_json(action, result));
  Json traces = Json::array();
  for (const WireTrace& trace : result.traces) traces.push_back(to_json(trace, result));
  Json cell{{"scenario", job.file->id},
            {"name", job.file->name},
            {"why", job.file->why},
            {"tags", job.file->tags},
            {"file", job.file->path},
            {"cell", job.cell->number},
            {"transport", transport_name(job.cell->transport)},
            {"values", values},
            {"seed", job.cell->seed},
            {"verdict", word(result.verdict)},
            {"ms", milliseconds(result.took)},
            {"known_issue", job.cell->scenario.known_issue},
            {"actions", actions},
            {"traces", traces},
            {"again", command_to_repeat(report, job)}};
  if (result.verdict == Verdict::skipped) cell["skip_reason"] = result.skip_reason;
  return cell;
}

}  // namespace

std::string json_report(const RunReport& report) {
  const RunReport::Totals totals = report.totals();
  Json cells = Json::array();
  for (size_t i = 0; i < report.jobs.size(); ++i) {
    cells.push_back(to_json(report, report.jobs[i], report.results[i]));
  }
  const Json all{{"format", 1},
                 {"seed", report.seed},
                 {"nbdkit", report.nbdkit},
                 {"ms", milliseconds(report.took)},
                 {"passed", totals.passed},
                 {"failed", totals.failed},
                 {"skipped", totals.skipped},
                 {"cells", cells}};
  // Output of a client may hold any bytes.
  return all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace testkit
