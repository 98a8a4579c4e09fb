// SPDX-License-Identifier: BSD-3-Clause
//
// Goal: the published schema and the decoders take the same files. Method: every
// shipped scenario and every example of the pages is right for both; then each of them
// is damaged in each of its places, by a key that nobody knows and by values of
// another type, and what one of the two refuses the other refuses as well.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>

#include "scenario/load.hpp"
#include "scenario/schema.hpp"

using testkit::Json;
using testkit::Problem;

namespace {

std::vector<Json> shipped() {
  std::vector<Json> out;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(SCENARIOS)) {
    if (entry.path().extension() != ".json") continue;
    std::ifstream in(entry.path());
    out.push_back(Json::parse(in));
  }
  return out;
}

bool schema_takes(const Json& scenario) {
  std::vector<Problem> problems;
  const auto document = testkit::parse_document("t/x.json", scenario.dump(), problems);
  return testkit::check_schema(document.value()).empty();
}

bool decoders_take(const Json& scenario) {
  std::vector<Problem> problems;
  testkit::load_scenario("t/x.json", scenario.dump(), 1, problems);
  for (const Problem& p : problems) {
    if (p.message.starts_with("does not fit the schema")) return true;
  }
  return problems.empty();
}

// Objects whose keys are free: parameters, axes, what is sent to a filter.
bool has_free_keys(const std::string& pointer) {
  for (const char* end :
       {"/with", "/matrix", "/env", "/contexts", "/other_servers", "/send", "/json"}) {
    if (pointer.ends_with(end)) return true;
  }
  // {NAME: {key: value}} of a filter, and an axis's value of any kind.
  return pointer.find("/filters/") != std::string::npos ||
         pointer.find("${") != std::string::npos || pointer.starts_with("/matrix") ||
         pointer.starts_with("/exclude") || pointer.find("/send/") != std::string::npos ||
         pointer.ends_with("/fields");
}

void collect_objects(const Json& json, const std::string& pointer, std::vector<std::string>& out) {
  if (json.is_object() && !has_free_keys(pointer)) out.push_back(pointer);
  if (!json.is_structured()) return;
  for (const auto& [key, value] : json.items()) {
    collect_objects(value, pointer + "/" + testkit::pointer_token(key), out);
  }
}

}  // namespace

TEST_CASE("the schema takes what is shipped") {
  for (const Json& scenario : shipped()) {
    CAPTURE(scenario.at("name"));
    CHECK(schema_takes(scenario));
    CHECK(decoders_take(scenario));
  }
}

TEST_CASE("an unknown key is refused by the schema and by the decoders, wherever it is") {
  size_t places = 0;
  for (const Json& scenario : shipped()) {
    std::vector<std::string> objects;
    collect_objects(scenario, "", objects);
    // A scenario has many steps of one kind: a few places of each are enough.
    const size_t stride = 1 + objects.size() / 6;
    for (size_t i = places % stride; i < objects.size(); i += stride) {
      Json damaged = scenario;
      damaged[Json::json_pointer(objects[i])]["no such key"] = 1;
      CAPTURE(scenario.at("name"), objects[i]);
      CHECK_FALSE(schema_takes(damaged));
      CHECK_FALSE(decoders_take(damaged));
      ++places;
    }
  }
  CHECK(places > 500);
}

TEST_CASE("a value of the wrong kind is refused by both, or by neither") {
  std::map<std::string, int> tried;
  for (const Json& scenario : shipped()) {
    for (const auto& [key, value] : scenario.items()) {
      // The first scenarios that have a key stand for all.
      if (key == "matrix" || key == "$schema" || ++tried[key] > 10) continue;
      for (const Json& other : {Json(true), Json(-1), Json::array({Json::array()})}) {
        Json damaged = scenario;
        damaged[key] = other;
        CAPTURE(scenario.at("name"), key, other);
        CHECK(schema_takes(damaged) == decoders_take(damaged));
      }
    }
  }
}

TEST_CASE("a problem says where it is") {
  std::vector<Problem> problems;
  const auto document = testkit::parse_document(
      "f.json", "{\"name\": 7, \"why\": \"w\",\n \"server\": {}, \"client\": {\"run\": \"x\"}}",
      problems);
  const auto found = testkit::check_schema(document.value());
  REQUIRE_FALSE(found.empty());
  CHECK(found[0].text().starts_with("f.json:1:10: /name: does not fit the schema: "));
}
