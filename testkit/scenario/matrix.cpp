// SPDX-License-Identifier: BSD-3-Clause
#include "scenario/matrix.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace testkit {

namespace {

struct Axis {
  std::string name;
  std::vector<Json> values;
};

const std::vector<std::string> kTransportNames{"unix", "tcp", "vsock"};

// The URI of a server that exists already, if that is what the scenario has.
std::string uri_of_server(const Json& root) {
  if (!root.is_object() || !root.contains("server")) return "";
  const Json& server = root["server"];
  if (!server.is_object() || !server.contains("uri") || !server["uri"].is_string()) return "";
  return server["uri"].get<std::string>();
}

std::vector<Transport> read_transports(const std::optional<Value>& value, const std::string& uri) {
  std::vector<Transport> out;
  if (!uri.empty()) {
    if (value) value->problem("the server's \"uri\" says what the transport is");
    if (uri.starts_with("nbd+vsock:")) return {Transport::vsock};
    return {uri.starts_with("nbd+unix:") ? Transport::unix_socket : Transport::tcp};
  }
  // Not vsock, which on most machines costs a guest: a scenario asks for it.
  if (!value) return {Transport::unix_socket, Transport::tcp};
  for (const Value& v : value->array("an array of transports")) {
    const auto transport = static_cast<Transport>(v.one_of(kTransportNames));
    if (std::find(out.begin(), out.end(), transport) != out.end()) {
      v.problem("this transport is there twice");
    } else {
      out.push_back(transport);
    }
  }
  if (out.empty() && value->is_array()) value->expected("at least one transport");
  return out;
}

bool is_axis_name(const std::string& name) {
  return !name.empty() && name.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                              "0123456789_") == std::string::npos;
}

std::vector<Axis> read_axes(const std::optional<Value>& value) {
  std::vector<Axis> axes;
  if (!value) return axes;
  Object matrix = value->object("an object whose members are lists of values");
  for (const auto& [name, list] : matrix.members()) {
    const auto& reserved = runtime_names();
    if (!is_axis_name(name)) {
      list.problem(
          fmt::format("\"{}\" is no name for an axis: expected letters, digits and \"_\"", name));
    }
    if (name == "transport" || name == "seed" ||
        std::find(reserved.begin(), reserved.end(), name) != reserved.end()) {
      list.problem(fmt::format("\"{}\" has a meaning of its own and cannot name an axis", name));
    }
    Axis axis{name, {}};
    for (const Value& v : list.array("an array of values")) {
      if (std::find(axis.values.begin(), axis.values.end(), v.json()) != axis.values.end()) {
        v.problem("this value is there twice");
      } else {
        axis.values.push_back(v.json());
      }
    }
    if (axis.values.empty() && list.is_array()) list.expected("at least one value");
    if (!axis.values.empty()) axes.push_back(std::move(axis));
  }
  return axes;
}

using Exclusion = JsonValues;

// A key or value that no cell has would exclude nothing, silently: a problem.
std::vector<Exclusion> read_exclusions(const std::optional<Value>& value,
                                       const std::vector<Axis>& axes) {
  std::vector<Exclusion> out;
  if (!value) return out;
  std::vector<std::string> names{"transport"};
  for (const Axis& axis : axes) names.push_back(axis.name);
  for (const Value& entry : value->array("an array of combinations to leave out")) {
    Exclusion exclusion;
    Object object = entry.object("an object of axes and values");
    for (const auto& [name, v] : object.members()) {
      if (name == "transport") {
        v.one_of(kTransportNames);
      } else if (std::find(names.begin(), names.end(), name) == names.end()) {
        v.problem(fmt::format("\"{}\" is no axis{}", name, did_you_mean(name, names)));
      } else {
        const auto axis = std::find_if(axes.begin(), axes.end(),
                                       [&, key = name](const Axis& a) { return a.name == key; });
        if (std::find(axis->values.begin(), axis->values.end(), v.json()) == axis->values.end()) {
          v.expected(fmt::format("one of the values of axis \"{}\"", name));
        }
      }
      exclusion.emplace_back(name, v.json());
    }
    if (exclusion.empty() && entry.is_object()) entry.expected("at least one axis");
    if (!exclusion.empty()) out.push_back(std::move(exclusion));
  }
  return out;
}

bool excluded(const Combination& cell, const std::vector<Exclusion>& exclusions) {
  const auto holds = [&](const std::pair<std::string, Json>& condition) {
    if (condition.first == "transport") return condition.second == transport_name(cell.transport);
    return std::find(cell.values.begin(), cell.values.end(), condition) != cell.values.end();
  };
  return std::any_of(exclusions.begin(), exclusions.end(),
                     [&](const Exclusion& e) { return std::all_of(e.begin(), e.end(), holds); });
}

}  // namespace

std::string_view transport_name(Transport transport) {
  return kTransportNames[static_cast<size_t>(transport)];
}

std::string Combination::label() const {
  std::string out(transport_name(transport));
  for (const auto& [name, value] : values) {
    out += fmt::format(" {}={}", name, value.is_string() ? value.get<std::string>() : value.dump());
  }
  return out;
}

std::vector<Combination> read_matrix(Object& root) {
  const std::vector<Transport> transports =
      read_transports(root.get("transports"), uri_of_server(root.value().json()));
  const std::vector<Axis> axes = read_axes(root.get("matrix"));
  const std::vector<Exclusion> exclusions = read_exclusions(root.get("exclude"), axes);

  size_t total = transports.size();
  for (const Axis& axis : axes) {
    total *= axis.values.size();
    if (total <= kMaxCells) continue;
    root.value().problem(fmt::format("the matrix has more than {} cells", kMaxCells));
    return {};
  }

  std::vector<Combination> cells;
  for (size_t n = 0; n < total; ++n) {
    // n counts through the axes like the digits of a number, the first axis
    // being the most significant.
    size_t rest = n;
    Combination cell;
    cell.transport = transports[rest % transports.size()];
    rest /= transports.size();
    for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
      cell.values.emplace(cell.values.begin(), axis->name,
                          axis->values[rest % axis->values.size()]);
      rest /= axis->values.size();
    }
    if (!excluded(cell, exclusions)) cells.push_back(std::move(cell));
  }
  if (cells.empty() && total > 0) root.value().problem("\"exclude\" leaves no cell of the matrix");
  return cells;
}

}  // namespace testkit
