// SPDX-License-Identifier: BSD-3-Clause
#include <algorithm>
#include <catch2/catch.hpp>

#include "report/console.hpp"
#include "report/html.hpp"
#include "report/json.hpp"
#include "report/junit.hpp"
#include "report/tap.hpp"

using namespace testkit;
using Catch::Contains;

namespace {

using namespace std::chrono_literals;

proxy::TraceEvent message(proxy::Place place, uint64_t cookie, Duration time) {
  proxy::TraceEvent e;
  e.time = time;
  e.connection = 1;
  e.place = place;
  e.from_client = place == proxy::Place::request;
  e.text = "message " + std::to_string(cookie);
  e.request.cookie = cookie;
  return e;
}

// A hundred requests, each answered after 1 ms; something is done to the reply to `hit`.
std::vector<proxy::TraceEvent> hundred_requests(uint64_t hit) {
  std::vector<proxy::TraceEvent> events;
  for (uint64_t i = 1; i <= 100; ++i) {
    events.push_back(message(proxy::Place::request, i, i * 10ms));
    events.push_back(message(proxy::Place::reply, i, i * 10ms + 1ms));
    if (i == hit) events.back().faults.push_back({0, "disconnect RST"});
  }
  return events;
}

// A run of one scenario with a cell that passed, one that failed, one skipped, and one that
// failed for a known reason.
struct Sample {
  ScenarioFile file;
  RunReport report;

  Sample() {
    file.path = "s/a.json";
    file.id = "s/a";
    file.name = "name & <b>";
    file.cells.resize(4);
    for (unsigned i = 0; i < 4; ++i) {
      file.cells[i].number = i + 1;
      file.cells[i].label = "unix n=\"" + std::to_string(i) + "\"";
      report.jobs.push_back({&file, &file.cells[i]});
    }
    report.seed = 9;
    report.results.resize(4);
    report.results[1].verdict = Verdict::failed;
    report.results[1].actions = {{"server x", "listens", "listens", {}, true, {}},
                                 {"connect", "success", "success", {}, true, {}},
                                 {"step 2 read 0+1",
                                  "success",
                                  "error EIO",
                                  std::chrono::milliseconds(12),
                                  false,
                                  {"server  \x1b[1m<oops>"}}};
    report.results[1].traces.push_back(keep_trace({}, hundred_requests(60), 40));
    file.cells[3].scenario.known_issue = "bug #7";
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

TEST_CASE("text of others cannot control a terminal, and stays on its line") {
  CHECK(visible("a\tb\nc\x1b[1m\x7f\r") == "a b\\nc\\x1b[1m\\x7f\\x0d");
  CHECK(visible("\u00fc \u009b1m \xff\xc2") == "\u00fc \\xc2\\x9b1m \\xff\\xc2");
}

TEST_CASE("JUnit has the totals, the fault and the reason of a skip") {
  const Sample sample;
  const std::string xml = junit_xml(sample.report);
  CHECK_THAT(
      xml,
      Contains(
          "<testsuites name=\"testkit\" tests=\"4\" failures=\"1\" errors=\"0\" skipped=\"2\""));
  CHECK_THAT(xml,
             Contains("classname=\"s.a\" name=\"name &amp; &lt;b&gt; [unix n=&quot;1&quot;]\""));
  CHECK_THAT(xml, Contains("message=\"step 2 read 0+1: expected success, got error EIO (12 ms)\""));
  CHECK_THAT(xml, Contains("<skipped message=\"program x is missing\"/>"));
  CHECK_THAT(xml, Contains("<skipped type=\"known-issue\" message=\"known issue: bug #7\"/>"));
  CHECK_THAT(xml, Contains("message 60   &lt;- fault 1: disconnect RST"));
  CHECK_THAT(xml, !Contains("\x1b"));
}

TEST_CASE("a failure on the console says what was expected, what came and how to repeat it") {
  const Sample sample;
  const std::string block =
      failure_block(sample.report, sample.report.jobs[1], sample.report.results[1], false);
  CHECK_THAT(block, Catch::StartsWith("FAIL  s/a [unix n=\"1\"]"));
  CHECK_THAT(block, Contains("step 2 read 0+1: expected success, got error EIO"));
  CHECK_THAT(block, Contains("server  \\x1b[1m<oops>"));
  CHECK_THAT(block, Contains("message 60   <- fault 1: disconnect RST"));
  CHECK_THAT(block, !Contains("connect:"));
  CHECK_THAT(block, Catch::EndsWith("again testkit run s/a.json --cell 2 --seed 9\n"));
  CHECK(std::count(block.begin(), block.end(), '\n') == 7);
}

TEST_CASE("TAP tells a skip, a known issue, and why a cell failed") {
  const Sample sample;
  const std::string tap = tap_report(sample.report);
  CHECK_THAT(tap, Catch::StartsWith("TAP version 14\n1..4\nok 1 - s/a [unix n=\"0\"]\n"));
  CHECK_THAT(tap, Contains("\nnot ok 2 - s/a [unix n=\"1\"]\n  ---\n"));
  CHECK_THAT(tap, Contains("\n  wanted: \"success\"\n  found: \"error EIO\"\n"));
  CHECK_THAT(tap, Contains("\nok 3 - s/a [unix n=\"2\"] # SKIP program x is missing\n"));
  CHECK_THAT(tap, Contains("\nnot ok 4 - s/a [unix n=\"3\"] # TODO bug \\#7\n"));
  CHECK_THAT(tap, !Contains("\x1b"));
}

TEST_CASE("a trace that is too long keeps its ends and its faults, and says what answers what") {
  const WireTrace trace = keep_trace({}, hundred_requests(60), 40);
  CHECK(trace.total == 200);
  REQUIRE(trace.events.size() == 40);
  CHECK(trace.events.front().number == 0);
  CHECK(trace.events.back().number == 199);
  CHECK(std::is_sorted(trace.events.begin(), trace.events.end(),
                       [](const auto& a, const auto& b) { return a.number < b.number; }));
  const auto fault = std::find_if(trace.events.begin(), trace.events.end(),
                                  [](const auto& e) { return !e.faults.empty(); });
  REQUIRE(fault != trace.events.end());
  CHECK(fault->number == 119);
  CHECK(fault->answers == 118);
  CHECK(fault->latency == 1ms);
  CHECK((fault - 1)->number == 118);
  CHECK(keep_trace({}, hundred_requests(60), 200).events.size() == 200);
}

TEST_CASE("how far a run is, and how long it still takes") {
  CHECK(progress_text({0, 404, 0, 0s}) == "0/404 done, 0 failed");
  CHECK(progress_text({2, 404, 1, 5s}) == "2/404 done, 1 failed");
  CHECK(progress_text({101, 404, 2, 10s}) == "101/404 done, 2 failed, 30 s left");
  CHECK(progress_text({10, 1000, 0, 10s}) == "10/1000 done, 0 failed, 17 min left");
  CHECK(progress_text({404, 404, 0, 10s}) == "404/404 done, 0 failed");
}

TEST_CASE("no text of a run is markup in the page") {
  Sample sample;
  const std::string hostile = "</script><script>alert(1)</script><!-- <script ]]> \xff \u2028";
  sample.file.name = sample.file.cells[0].label = hostile;
  sample.report.results[1].actions.back().happened = hostile;
  const std::string page = html_report(sample.report);
  CHECK_THAT(page, Catch::StartsWith("<!doctype html>") && Catch::EndsWith("</html>\n"));
  CHECK_THAT(page, !Contains("<script>alert") && !Contains("<!-- <script"));
  CHECK_THAT(page, Contains("\\u003c/script>\\u003cscript>alert(1)"));
  CHECK_THAT(page, Contains("&lt;/script&gt;&lt;script&gt;alert(1)"));  // in the plain text
  for (const char* place : {"/*STYLE*/", "<!--PLAIN-->", "/*DATA*/", "/*SCRIPT*/"}) {
    CHECK_THAT(page, !Contains(place));
  }
}

TEST_CASE("the JSON report has every cell") {
  const Sample sample;
  const std::string json = json_report(sample.report);
  CHECK_THAT(json, Contains("\"failed\": 1") && Contains("\"verdict\": \"skipped\""));
  CHECK_THAT(json, Contains("\"again\": \"testkit run s/a.json --cell 2 --seed 9\""));
}
