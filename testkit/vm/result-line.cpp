// SPDX-License-Identifier: BSD-3-Clause
#include "vm/result-line.hpp"

#include <nlohmann/json.hpp>

namespace testkit::vm {

namespace {

using Json = nlohmann::json;

Json to_json(const Action& a) {
  return {{"what", a.what},         {"expected", a.expected}, {"happened", a.happened},
          {"took", a.took.count()}, {"passed", a.passed},     {"details", a.details}};
}

Action to_action(const Json& j) {
  return {j.at("what"),     j.at("expected"),
          j.at("happened"), Duration(j.at("took").get<int64_t>()),
          j.at("passed"),   j.at("details").get<std::vector<std::string>>()};
}

}  // namespace

std::string to_line(const ResultLine& line) {
  Json out{{"cell", line.index}};
  if (line.result) {
    Json actions = Json::array();
    for (const Action& action : line.result->actions) actions.push_back(to_json(action));
    out["verdict"] = static_cast<int>(line.result->verdict);
    out["skip_reason"] = line.result->skip_reason;
    out["failed_tries"] = line.result->failed_tries;
    out["took"] = line.result->took.count();
    out["actions"] = actions;
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
    for (const Json& action : j.at("actions")) result.actions.push_back(to_action(action));
    return line;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

}  // namespace testkit::vm
