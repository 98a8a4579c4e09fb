// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include "report/console.hpp"
#include "report/json.hpp"
#include "report/junit.hpp"

using namespace testkit;
using Catch::Contains;

namespace {

// A run of one scenario with a cell that passed, one that failed, one skipped.
struct Sample {
  ScenarioFile file;
  RunReport report;

  Sample() {
    file.path = "s/a.json";
    file.id = "s/a";
    file.name = "name & <b>";
    file.cells.resize(3);
    for (unsigned i = 0; i < 3; ++i) {
      file.cells[i].number = i + 1;
      file.cells[i].label = "unix n=\"" + std::to_string(i) + "\"";
      report.jobs.push_back({&file, &file.cells[i]});
    }
    report.seed = 9;
    report.results.resize(3);
    report.results[1].verdict = Verdict::failed;
    report.results[1].actions = {{"server x", "listens", "listens", {}, true, {}},
                                 {"connect", "success", "success", {}, true, {}},
                                 {"step 2 read 0+1",
                                  "success",
                                  "error EIO",
                                  std::chrono::milliseconds(12),
                                  false,
                                  {"server  \x1b[1m<oops>"}}};
    report.results[2].verdict = Verdict::skipped;
    report.results[2].skip_reason = "program x is missing";
  }
};

}  // namespace

TEST_CASE("XML text is escaped, and what XML cannot hold is replaced") {
  CHECK(xml_escape("a<b>&\"\n\t") == "a&lt;b&gt;&amp;&quot;\n\t");
  CHECK(xml_escape("\u00fc\u20ac\U0001f600") == "\u00fc\u20ac\U0001f600");
  for (const char* bad :
       {"\x01", "\x1b", "\r", "\x7f", "\xff", "\xc0", "\xe2\x82", "\xed\xa0\x80", "\xef\xbf\xbf"}) {
    CAPTURE(bad);
    CHECK_THAT(xml_escape(std::string("<") + bad), Contains("&lt;\xef\xbf\xbd"));
  }
  CHECK(xml_escape(std::string_view("\0", 1)) == "\xef\xbf\xbd");
}

TEST_CASE("JUnit has the totals, the fault and the reason of a skip") {
  const Sample sample;
  const std::string xml = junit_xml(sample.report);
  CHECK_THAT(
      xml,
      Contains(
          "<testsuites name=\"testkit\" tests=\"3\" failures=\"1\" errors=\"0\" skipped=\"1\""));
  CHECK_THAT(xml,
             Contains("classname=\"s.a\" name=\"name &amp; &lt;b&gt; [unix n=&quot;1&quot;]\""));
  CHECK_THAT(xml, Contains("message=\"step 2 read 0+1: expected success, got error EIO (12 ms)\""));
  CHECK_THAT(xml, Contains("<skipped message=\"program x is missing\"/>"));
  CHECK_THAT(xml, !Contains("\x1b"));
}

TEST_CASE("a failure on the console says what was expected, what came and how to repeat it") {
  const Sample sample;
  const std::string block =
      console_block(sample.report, sample.report.jobs[1], sample.report.results[1], {false, true});
  CHECK_THAT(block, Catch::StartsWith("FAIL  s/a [unix n=\"1\"]"));
  CHECK_THAT(block, Contains("step 2 read 0+1: expected success, got error EIO"));
  CHECK_THAT(block, !Contains("connect"));
  CHECK_THAT(block, Catch::EndsWith("again testkit run s/a.json --cell 2 --seed 9\n"));
}

TEST_CASE("the JSON report has every cell") {
  const Sample sample;
  const std::string json = json_report(sample.report);
  CHECK_THAT(json, Contains("\"failed\": 1") && Contains("\"verdict\": \"skipped\""));
  CHECK_THAT(json, Contains("\"again\": \"testkit run s/a.json --cell 2 --seed 9\""));
}
