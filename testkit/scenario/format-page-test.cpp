// SPDX-License-Identifier: BSD-3-Clause
//
// Goal: every example of docs/scenario-format.md and docs/wire-faults.md is right, and
// every place and action of the latter is used by a shipped scenario. Method: each
// block marked json is read as testkit reads a scenario. A block that is not a whole
// scenario has some of its members; those that must be there and are not are added.
#include <catch2/catch.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "scenario/load.hpp"

namespace {

std::vector<std::string> json_blocks(const std::string& path) {
  std::ifstream in(path);
  std::vector<std::string> blocks;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line == "```json") {
      inside = true;
      blocks.emplace_back();
    } else if (line == "```") {
      inside = false;
    } else if (inside) {
      blocks.back() += line + "\n";
    }
  }
  return blocks;
}

std::string completed(const std::string& block) {
  if (block.starts_with("{")) return block;
  auto json = nlohmann::ordered_json::parse("{" + block + "}");
  const nlohmann::ordered_json defaults = {
      {"name", "n"},
      {"why", "w"},
      {"server", {{"plugin", "memory"}, {"with", {{"size", "1M"}}}}},
      {"client", {{"run", "true"}}}};
  for (const auto& [key, value] : defaults.items()) {
    if (!json.contains(key)) json[key] = value;
  }
  return json.dump(2);
}

}  // namespace

TEST_CASE("every example of the pages on the format is right") {
  auto blocks = json_blocks(FORMAT_PAGE);
  CHECK(blocks.size() > 8);
  const auto wire = json_blocks(WIRE_PAGE);
  CHECK(wire.size() > 4);
  blocks.insert(blocks.end(), wire.begin(), wire.end());
  for (const std::string& block : blocks) {
    std::vector<testkit::Problem> problems;
    testkit::load_scenario("page/example.json", completed(block), 1, problems);
    CAPTURE(block);
    for (const auto& problem : problems) FAIL_CHECK(problem.text());
  }
}

TEST_CASE("every place and every action of a wire fault has a scenario") {
  std::set<std::string> places, actions;
  const auto loaded = testkit::load_scenarios({SCENARIOS}, 1);
  REQUIRE(loaded.problems.empty());
  for (const auto& file : loaded.files) {
    for (const auto& cell : file.cells) {
      for (const auto& rule : cell.scenario.wire) {
        places.emplace(name_of(rule.match.place));
        actions.emplace(name_of(rule.action));
      }
    }
  }
  for (unsigned i = 0; i < testkit::proxy::kPlaces; ++i) {
    const auto place = static_cast<testkit::proxy::Place>(i);
    CAPTURE(name_of(place));
    CHECK(places.count(std::string(name_of(place))) == 1);
  }
  CHECK(actions.size() == std::variant_size_v<testkit::proxy::Action>);
}
