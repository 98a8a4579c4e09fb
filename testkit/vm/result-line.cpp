// SPDX-License-Identifier: BSD-3-Clause
#include "vm/result-line.hpp"

#include <nlohmann/json.hpp>

namespace testkit::vm {

namespace {

using Json = nlohmann::json;

// Times are told from the cell's start: the clocks of guest and host have nothing in common.
Json to_json(const Action& a, Clock::time_point start) {
  return {{"what", a.what},
          {"expected", a.expected},
          {"happened", a.happened},
          {"took", a.took.count()},
          {"ended", (a.ended - start).count()},
          {"passed", a.passed},
          {"details", a.details}};
}

Action to_action(const Json& j, Clock::time_point start) {
  return {j.at("what"),
          j.at("expected"),
          j.at("happened"),
          Duration(j.at("took").get<int64_t>()),
          j.at("passed"),
          j.at("details").get<std::vector<std::string>>(),
          start + Duration(j.at("ended").get<int64_t>())};
}

Json to_json(const WireTrace::Event& e) {
  Json faults = Json::array();
  for (const proxy::TraceFault& fault : e.faults) faults.push_back({fault.rule, fault.note});
  const nbd::wire::Request& r = e.request;
  Json out{{"number", e.number},
           {"latency", e.latency.count()},
           {"time", e.time.count()},
           {"connection", e.connection},
           {"from_client", e.from_client},
           {"text", e.text},
           {"bytes", e.bytes},
           {"request",
            {r.flags, static_cast<uint16_t>(r.command), r.cookie, r.offset, r.length, r.payload}},
           {"faults", faults}};
  if (e.answers) out["answers"] = *e.answers;
  if (e.place) out["place"] = static_cast<int>(*e.place);
  return out;
}

WireTrace::Event to_event(const Json& j) {
  WireTrace::Event e;
  e.number = j.at("number").get<uint64_t>();
  e.latency = Duration(j.at("latency").get<int64_t>());
  e.time = Duration(j.at("time").get<int64_t>());
  e.connection = j.at("connection").get<uint64_t>();
  e.from_client = j.at("from_client").get<bool>();
  e.text = j.at("text");
  e.bytes = j.at("bytes").get<uint64_t>();
  const Json& r = j.at("request");
  e.request = {r.at(0).get<uint16_t>(), static_cast<nbd::wire::Command>(r.at(1).get<uint16_t>()),
               r.at(2).get<uint64_t>(), r.at(3).get<uint64_t>(),
               r.at(4).get<uint64_t>(), r.at(5).get<uint64_t>()};
  for (const Json& fault : j.at("faults")) {
    e.faults.push_back({fault.at(0).get<size_t>(), fault.at(1).get<std::string>()});
  }
  if (j.contains("answers")) e.answers = j.at("answers").get<uint64_t>();
  if (j.contains("place")) e.place = static_cast<proxy::Place>(j.at("place").get<int>());
  return e;
}

Json to_json(const WireTrace& trace, Clock::time_point start) {
  Json events = Json::array();
  for (const WireTrace::Event& event : trace.events) events.push_back(to_json(event));
  return {{"start", (trace.start - start).count()}, {"total", trace.total}, {"events", events}};
}

WireTrace to_trace(const Json& j, Clock::time_point start) {
  WireTrace trace;
  trace.start = start + Duration(j.at("start").get<int64_t>());
  trace.total = j.at("total").get<uint64_t>();
  for (const Json& event : j.at("events")) trace.events.push_back(to_event(event));
  return trace;
}

}  // namespace

std::string to_line(const ResultLine& line) {
  Json out{{"cell", line.index}};
  if (line.result) {
    Json actions = Json::array();
    Json traces = Json::array();
    for (const Action& a : line.result->actions) {
      actions.push_back(to_json(a, line.result->started));
    }
    for (const WireTrace& t : line.result->traces) {
      traces.push_back(to_json(t, line.result->started));
    }
    out["verdict"] = static_cast<int>(line.result->verdict);
    out["skip_reason"] = line.result->skip_reason;
    out["failed_tries"] = line.result->failed_tries;
    out["took"] = line.result->took.count();
    out["actions"] = actions;
    out["traces"] = traces;
  }
  // Output of a client may hold any bytes.
  return out.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::optional<ResultLine> parse_line(const std::string& text) {
  try {
    const Json j = Json::parse(text);
    if (!j.at("cell").is_number_unsigned()) return std::nullopt;
    ResultLine line;
    line.index = j.at("cell").get<size_t>();
    if (!j.contains("verdict")) return line;
    CellResult& result = line.result.emplace();
    const int verdict = j.at("verdict").get<int>();
    if (verdict < 0 || verdict > static_cast<int>(Verdict::skipped)) return std::nullopt;
    result.verdict = static_cast<Verdict>(verdict);
    result.skip_reason = j.at("skip_reason");
    result.failed_tries = j.at("failed_tries").get<unsigned>();
    result.took = Duration(j.at("took").get<int64_t>());
    result.started = Clock::now() - result.took;  // it has just ended
    for (const Json& a : j.at("actions")) result.actions.push_back(to_action(a, result.started));
    for (const Json& t : j.at("traces")) result.traces.push_back(to_trace(t, result.started));
    return line;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace testkit::vm
