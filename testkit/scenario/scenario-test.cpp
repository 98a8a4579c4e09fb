// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "scenario/cursor.hpp"
#include "scenario/load.hpp"
#include "scenario/seed.hpp"
#include "scenario/substitute.hpp"

using namespace testkit;
using Catch::Contains;
using Catch::StartsWith;

namespace {

std::vector<std::string> problems_of(const std::string& text) {
  std::vector<Problem> problems;
  load_scenario("t/x.json", text, 1, problems);
  std::vector<std::string> out;
  for (const Problem& p : problems) out.push_back(p.text());
  return out;
}

ScenarioFile good(const std::string& text) {
  std::vector<Problem> problems;
  ScenarioFile file = load_scenario("t/x.json", text, 1, problems);
  for (const Problem& p : problems) UNSCOPED_INFO(p.text());
  REQUIRE(problems.empty());
  return file;
}

// A scenario with `extra` members (each with its comma) on its second line.
std::string scenario_with(const std::string& extra,
                          const std::string& client = R"({"run": ["true"]})") {
  return "{\n" + extra + R"("name": "n", "why": "w", "server": {"plugin": "memory"},
"client": )" +
         client + "}";
}

}  // namespace

TEST_CASE("every value has the line and column where it begins") {
  std::vector<Problem> problems;
  const auto document = parse_document(
      "f", "{ \"a\": [\n1,\n  2\n, {\"b\":\n true}],\n\"c~/d\": \"x\\\"y\" , \"e\":-3.5}",
      problems);
  REQUIRE(document);
  const auto at = [&](const char* pointer) { return document->values.at(pointer); };
  CHECK(at("") == Position{1, 1});
  CHECK(at("/a") == Position{1, 8});
  CHECK(at("/a/0") == Position{2, 1});
  CHECK(at("/a/1") == Position{3, 3});  // the lexer has read the newline after it
  CHECK(at("/a/2") == Position{4, 3});
  CHECK(at("/a/2/b") == Position{5, 2});
  CHECK(document->keys.at("/a/2/b") == Position{4, 4});
  CHECK(at("/c~0~1d") == Position{6, 9});
  CHECK(at("/e") == Position{6, 22});
  CHECK(document->keys.at("/e") == Position{6, 18});
  CHECK(document->position_of("/c~0~1d/made/by/substitution") == Position{6, 9});
}

TEST_CASE("text that is not JSON is one problem with its line") {
  const auto problems = problems_of("{ \"name\": \"x\",\n \"client\": [ 1 2 ] }");
  REQUIRE(problems.size() == 1);
  CHECK_THAT(problems[0], Contains("t/x.json:2:16: /client: not JSON: syntax error"));
}

TEST_CASE("a key that is given twice is a problem") {
  CHECK_THAT(problems_of(scenario_with("\"name\": \"m\",\n")).at(0),
             Contains("t/x.json:3:1: /name: key \"name\" is given twice, first on line 2"));
}

TEST_CASE("an unknown key is told with the one that was meant") {
  const auto problems = problems_of(scenario_with("\"tranports\": [\"unix\"],"));
  REQUIRE(problems.size() == 1);
  CHECK(problems[0] ==
        "t/x.json:2:1: /tranports: unknown key \"tranports\", did you mean \"transports\"?");
}

TEST_CASE("a misspelt step is one problem, not two") {
  const auto problems =
      problems_of(scenario_with("", "{\"steps\": [\n {\"reed\": {\"length\": 1}} ]}"));
  REQUIRE(problems.size() == 1);
  CHECK(problems[0] ==
        "t/x.json:4:3: /client/steps/0/reed: unknown key \"reed\", did you mean \"read\"?");
}

TEST_CASE("a network becomes netem's words, and needs what makes it") {
  std::vector<Problem> problems;
  const std::string text = scenario_with(
      R"("transports": ["tcp"], "network": {"delay": "20ms", "jitter": "1.5ms", "loss": "0.5%", "bytes_per_second": "1K"},)",
      R"({"run": ["true"]})");
  const ScenarioFile file = load_scenario("t/x.json", text, 1, problems);
  REQUIRE(problems.empty());
  const Scenario& scenario = file.cells.at(0).scenario;
  REQUIRE(scenario.network);
  CHECK(scenario.network->netem == "delay 20000us 1500us loss 0.5% rate 1024bps");
  CHECK(scenario.needs.root);
  CHECK(scenario.needs.modules == std::vector<std::string>{"veth", "sch_netem"});
}

TEST_CASE("a problem says what was found and what was expected") {
  struct Row {
    std::string extra, client, expected;
  };
  const std::string ok = R"({"run": ["true"]})";
  const std::vector<Row> rows{
      {"\"repeat\": 0,", ok, "2: /repeat: expected a whole number from 1 to 1000, got 0"},
      {"\"within\": \"soon\",", ok, "2: /within: expected a time such as \"5s\""},
      {"\"transports\": [\"udp\"],", ok,
       "2: /transports/0: expected one of \"unix\", \"tcp\", \"vsock\", got \"udp\""},
      {"\"matrix\": {\"a\": 1},", ok, "2: /matrix/a: expected an array of values, got 1"},
      {"\"exclude\": [{\"b\": 1}],", ok, "2: /exclude/0/b: \"b\" is no axis"},
      {"\"tags\": [\"${sedd}\"],", ok,
       "2: /tags/0: unknown name \"${sedd}\", did you mean \"seed\"?"},
      {"\"expect\": {\"same\": [\"exit\"]},", ok, "2: /expect/same: \"same\" compares rounds"},
      {"\"expect\": {\"requests\": [{}]},", ok, "2: /expect/requests: \"requests\" are counted in"},
      {"\"expect\": {\"log\": \"x\", \"requests\": [{\"command\": \"wipe\"}]},", ok,
       "2: /expect/requests/0/command: expected one of \"read\""},
      {"\"wire\": [{\"at\": \"reply\", \"do\": \"drop\", \"nht\": 1}],", ok,
       "2: /wire/0/nht: unknown key \"nht\", did you mean \"nth\"?"},
      {"\"transports\": [\"tcp\"], \"network\": {\"loss\": 2},", ok,
       "2: /network/loss: expected a percentage such as \"5%\""},
      {"\"transports\": [\"tcp\"], \"network\": {\"loss\": \"2; reboot%\"},", ok,
       "2: /network/loss: expected a percentage such as \"5%\""},
      {"\"transports\": [\"tcp\"], \"network\": {\"reorder\": \"2%\"},", ok,
       "2: /network/reorder: reordering takes a \"delay\""},
      {"\"transports\": [\"unix\"], \"network\": {},", ok,
       "2: /network: a network needs \"transports\": [\"tcp\"]"},
      {"", "7", "3: /client: expected a client: an object with \"run\" or \"steps\", got 7"},
      {"", "{}", "3: /client: expected one of the keys \"run\", \"steps\""},
      {"", R"({"run": [], "steps": []})", "3: /client: expected only one of \"run\", \"steps\""},
      {"", R"({"run": "x", "expect": {"exit": "fine"}})",
       "3: /client/expect/exit: expected \"success\""},
      {"", R"({"run": "x", "expect": {"stdout": {"matches": "("}}})",
       "3: /client/expect/stdout/matches: not a POSIX extended regular expression"},
      {"", R"({"steps": [{"read": {}}]})", "3: /client/steps/0/read: key \"length\" is missing"},
      {"", R"({"steps": [{"read": {"length": "4Q"}}]})",
       "3: /client/steps/0/read/length: expected a number of bytes"},
      {"", R"({"steps": [{"read": {"length": 1}, "expect": {"error": "EWHAT"}}]})",
       "3: /client/steps/0/expect/error: expected the name of an errno"},
      {"", R"({"steps": [{"flush": {}, "expect": {"data": "zeroes"}}]})",
       "3: /client/steps/0/expect/data: unknown key \"data\""},
  };
  for (const Row& row : rows) {
    const auto problems = problems_of(scenario_with(row.extra, row.client));
    CAPTURE(row.expected);
    REQUIRE(problems.size() == 1);
    // The column is in between: "t/x.json:2:11: /repeat: ..."
    const size_t colon = row.expected.find(':');
    CHECK_THAT(problems[0], StartsWith("t/x.json:" + row.expected.substr(0, colon + 1)));
    CHECK_THAT(problems[0], Contains(row.expected.substr(colon)));
  }
}

TEST_CASE("what must be there is asked for, each once") {
  const auto problems = problems_of("{}");
  REQUIRE(problems.size() == 4);
  CHECK_THAT(problems[0], Contains("t/x.json:1:1: (root): key \"name\" is missing"));
  CHECK_THAT(problems[3], Contains("\"client\" is missing"));
  CHECK_THAT(problems_of("[]").at(0),
             Contains("expected a scenario: an object, got an empty array"));
}

TEST_CASE("options that are testkit's own are refused") {
  const auto problems = problems_of(R"({"name": "n", "why": "w", "client": {"run": "x"},
    "server": {"plugin": "memory", "options": ["--no-sr", "-U /x"]}})");
  REQUIRE(problems.size() == 1);
  CHECK_THAT(problems[0],
             Contains("x.json:2:59: /server/options/1: option -U is given by testkit itself"));
}

TEST_CASE("the matrix has every combination, the transport changing fastest") {
  const ScenarioFile file = good(scenario_with(R"("matrix": {"b": [1, 2], "a": ["x", "y"]},)"));
  std::vector<std::string> labels;
  for (const Cell& cell : file.cells) labels.push_back(cell.label);
  CHECK(labels == std::vector<std::string>{"unix b=1 a=x", "tcp b=1 a=x", "unix b=1 a=y",
                                           "tcp b=1 a=y", "unix b=2 a=x", "tcp b=2 a=x",
                                           "unix b=2 a=y", "tcp b=2 a=y"});
  CHECK(file.cells.back().number == 8);
}

TEST_CASE("excluded combinations are left out, and the numbers close up") {
  const ScenarioFile file = good(scenario_with(
      R"("matrix": {"b": [1, 2]}, "exclude": [{"b": 2, "transport": "tcp"}, {"b": 1, "transport": "unix"}],)"));
  REQUIRE(file.cells.size() == 2);
  CHECK(file.cells[0].label == "tcp b=1");
  CHECK(file.cells[1].label == "unix b=2");
  CHECK(file.cells[1].number == 2);
  CHECK_THAT(
      problems_of(scenario_with(R"("transports": ["tcp"], "exclude": [{"transport": "tcp"}],)"))
          .at(0),
      Contains("leaves no cell"));
}

TEST_CASE("a value keeps its type where it is the whole string") {
  const ScenarioFile file = good(
      scenario_with(R"("transports": ["tcp"], "matrix": {"n": [4096], "word": ["zeroes"]},)",
                    R"({"steps": [{"read": {"length": "${n}"}, "expect": {"data": "${word}"}}]})"));
  const auto& steps =
      std::get<std::vector<Step>>(file.cells.at(0).scenario.clients.at(0).at(0).work);
  CHECK(std::get<Request>(steps.at(0).action).length == 4096);
  CHECK(steps.at(0).expect.data->content == Content::zeroes());
}

TEST_CASE("values stand inside texts and keys; runtime names and $${ stay") {
  std::vector<Problem> none;
  const auto document =
      parse_document("f", R"({"${k}-x": ["a${n}b", "${uri}", "$${n}", "$n"]})", none);
  Problems problems(*document);
  const Json out = substitute(*document->root, {{"k", "key"}, {"n", 5}}, "", problems);
  CHECK(problems.list().empty());
  CHECK(out.dump() == R"({"key-x":["a5b","${uri}","${n}","$n"]})");
}

TEST_CASE("runtime names are replaced, whole names only") {
  const Variables variables{{"uri", "nbd://x"}, {"dir", "/d"}};
  CHECK(expand("$uri ${dir}/f $uris $", variables) == "nbd://x /d/f $uris $");
  CHECK(expand("${dir", variables) == "${dir");
}

TEST_CASE("parameters of filters keep their order, and a list repeats its key") {
  const ScenarioFile file = good(R"({"name": "n", "why": "w", "client": {"run": "x"}, "server": {
    "plugin": "p", "with": {"z": [1, "2"], "a": true}, "filters": ["f", {"g": {"k": "10%"}}]}})");
  const Server& server = file.cells.at(0).scenario.server;
  REQUIRE(server.parameters.size() == 3);
  CHECK(server.parameters[0].key == "z");
  CHECK(server.parameters[1].value == "2");
  CHECK(server.parameters[2].value == "true");
  REQUIRE(server.filters.size() == 2);
  CHECK(server.filters[1].parameters.at(0).value == "10%");
}

TEST_CASE("expectations may stand beside the only command") {
  const ScenarioFile file =
      good(scenario_with("\"expect\": {\"exit\": [\"failure\", 3, \"SIGTERM\"]},"));
  const auto& command = std::get<Command>(file.cells.at(0).scenario.clients.at(0).at(0).work);
  REQUIRE(command.expect.exit.size() == 3);
  CHECK(command.expect.exit[2].number == 15);
}

TEST_CASE("a cell's seed comes from the run's seed and from what the cell is") {
  CHECK(cell_seed(1, "a", "b") == cell_seed(1, "a", "b"));
  CHECK(cell_seed(1, "a", "b") != cell_seed(2, "a", "b"));
  CHECK(cell_seed(1, "a", "b") != cell_seed(1, "ab", ""));
  CHECK(cell_seed(1, "a", "b") < (1ull << 31));
  const ScenarioFile file = good(scenario_with("\"seed\": 7,"));
  CHECK(file.cells.at(0).seed == 7);
  CHECK(file.cells.at(1).seed == 7);
}
