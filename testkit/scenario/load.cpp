// SPDX-License-Identifier: BSD-3-Clause
#include "scenario/load.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/error.hpp"
#include "scenario/decode.hpp"
#include "scenario/matrix.hpp"
#include "scenario/schema.hpp"
#include "scenario/seed.hpp"
#include "scenario/substitute.hpp"

namespace testkit {

namespace {

namespace fs = std::filesystem;

std::string id_of(const std::string& path) {
  const fs::path absolute = fs::absolute(path).lexically_normal();
  return absolute.parent_path().filename().string() + "/" + absolute.stem().string();
}

// The keys that say what the scenario is; not subject to the matrix.
void read_head(Object& root, ScenarioFile& file) {
  if (const auto v = root.need("name", "what the scenario is called")) {
    file.name = v->string("a name");
  }
  if (const auto v = root.need("why", "one sentence: what a good client does, and why")) {
    file.why = v->string("one sentence");
  }
  if (const auto v = root.get("tags")) file.tags = v->strings("an array of words");
  root.ignore({"$schema"});
}

// The body of the file as this cell has it.
void decode_cell(const Document& document, const Combination& combination, uint64_t seed,
                 Problems& problems, Cell& cell) {
  JsonValues values = combination.values;
  values.emplace_back("transport", std::string(transport_name(combination.transport)));
  values.emplace_back("seed", seed);
  Json body = Json::object();
  for (const auto& [key, value] : document.root->items()) {
    if (key == "matrix" || key == "exclude" || key == "name" || key == "why") continue;
    body[key] = substitute(value, values, "/" + pointer_token(key), problems);
  }
  Object root(Value(body, "", problems), "");
  root.ignore({"$schema", "tags", "transports", "seed"});
  root.members();  // unknown keys are told once, from the file itself
  cell.scenario = decode_scenario(root, combination.transport);
}

void load_cells(const Document& document, uint64_t run_seed, Problems& problems,
                ScenarioFile& file) {
  Object root(Value(*document.root, "", problems), "a scenario: an object");
  read_head(root, file);
  root.ignore({"needs", "known_issue", "setup", "server", "other_servers", "tls", "network", "wire",
               "client", "repeat", "within", "expect"});
  const auto fixed_seed = root.get("seed");
  if (!document.root->is_object()) return;
  for (const Combination& combination : read_matrix(root)) {
    Cell cell;
    cell.number = static_cast<unsigned>(file.cells.size() + 1);
    cell.label = combination.label();
    cell.transport = combination.transport;
    for (const auto& [name, value] : combination.values) {
      cell.values.push_back({name, value.is_string() ? value.get<std::string>() : value.dump()});
    }
    cell.seed =
        fixed_seed ? fixed_seed->number(0, UINT64_MAX) : cell_seed(run_seed, file.id, cell.label);
    decode_cell(document, combination, cell.seed, problems, cell);
    file.cells.push_back(std::move(cell));
  }
}

// The scenario files at or below `path`, in a fixed order.
std::vector<std::string> files_at(const std::string& path, std::vector<Problem>& problems) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path};
  std::vector<std::string> out;
  for (auto it = fs::recursive_directory_iterator(path, error);
       !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    if (it->path().extension() == ".json" && it->is_regular_file()) {
      out.push_back(it->path().string());
    }
  }
  std::sort(out.begin(), out.end());
  if (error) {
    problems.push_back({path, {}, "", "cannot be searched: " + error.message()});
  } else if (out.empty()) {
    problems.push_back({path, {}, "", "no *.json file in this folder"});
  }
  return out;
}

}  // namespace

ScenarioFile load_scenario(const std::string& path, std::string_view text, uint64_t run_seed,
                           std::vector<Problem>& problems) {
  ScenarioFile file;
  file.path = path;
  file.id = id_of(path);
  const auto document = parse_document(path, text, problems);
  if (!document) return file;
  Problems found(*document);
  load_cells(*document, run_seed, found, file);
  problems.insert(problems.end(), found.list().begin(), found.list().end());
  if (found.list().empty()) {
    const std::vector<Problem> unfit = check_schema(*document);
    problems.insert(problems.end(), unfit.begin(), unfit.end());
  }
  return file;
}

Loaded load_scenarios(const std::vector<std::string>& paths, uint64_t run_seed) {
  Loaded loaded;
  for (const std::string& path : paths) {
    for (const std::string& name : files_at(path, loaded.problems)) {
      std::ifstream in(name, std::ios::binary);
      if (!in) {
        loaded.problems.push_back({name, {}, "", "cannot be read: " + nbd::errno_text(errno)});
        continue;
      }
      const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
      loaded.files.push_back(load_scenario(name, text, run_seed, loaded.problems));
    }
  }
  std::sort(loaded.problems.begin(), loaded.problems.end(), [](const Problem& a, const Problem& b) {
    return std::tie(a.file, a.at, a.pointer, a.message) <
           std::tie(b.file, b.at, b.pointer, b.message);
  });
  return loaded;
}

}  // namespace testkit
