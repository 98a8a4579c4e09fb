// SPDX-License-Identifier: BSD-3-Clause
#include "report/junit.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

#include "report/console.hpp"

namespace testkit {

namespace {

double seconds(Duration time) { return std::chrono::duration<double>(time).count(); }

std::string testcase(const RunReport& report, const Job& job, const CellResult& result) {
  std::string class_name = job.file->id;
  std::replace(class_name.begin(), class_name.end(), '/', '.');
  std::string out =
      fmt::format("    <testcase classname=\"{}\" name=\"{} [{}]\" file=\"{}\" time=\"{:.3f}\">\n",
                  xml_escape(class_name), xml_escape(job.file->name), xml_escape(job.cell->label),
                  xml_escape(job.file->path), seconds(result.took));
  std::string block = cell_block(report, job, result, false);
  if (result.verdict == Verdict::failed) {
    out += fmt::format("      <failure type=\"expectation\" message=\"{}\">{}</failure>\n",
                       xml_escape(first_fault(result)),
                       xml_escape(failure_block(report, job, result, false)));
    for (const std::string& line : wire_lines(result, kReportedWireLines)) {
      block += fmt::format("wire {}\n", line);
    }
  } else if (failed_as_known(job, result)) {
    out += fmt::format("      <skipped type=\"known-issue\" message=\"known issue: {}\"/>\n",
                       xml_escape(job.cell->scenario.known_issue));
  } else if (result.verdict == Verdict::skipped) {
    out += fmt::format("      <skipped message=\"{}\"/>\n", xml_escape(result.skip_reason));
  }
  out += fmt::format("      <system-out>{}</system-out>\n", xml_escape(block));
  return out + "    </testcase>\n";
}

// Of jobs[first, last). What fails for a known reason is no failure, and not what a
// reader takes for a success either; JUnit has nothing else to call it but skipped.
std::string attributes(const RunReport& report, size_t first, size_t last) {
  size_t failed = 0, skipped = 0;
  for (size_t i = first; i < last; ++i) {
    const CellResult& result = report.results[i];
    if (result.verdict == Verdict::failed) ++failed;
    if (result.verdict == Verdict::skipped || failed_as_known(report.jobs[i], result)) ++skipped;
  }
  return fmt::format("tests=\"{}\" failures=\"{}\" errors=\"0\" skipped=\"{}\"", last - first,
                     failed, skipped);
}

// The cells of jobs[first, last), all of one scenario.
std::string testsuite(const RunReport& report, size_t first, size_t last) {
  Duration took{};
  std::string cases;
  for (size_t i = first; i < last; ++i) {
    took += report.results[i].took;
    cases += testcase(report, report.jobs[i], report.results[i]);
  }
  const ScenarioFile& file = *report.jobs[first].file;
  return fmt::format(
             "  <testsuite name=\"{}\" {} time=\"{:.3f}\">\n"
             "    <properties><property name=\"seed\" value=\"{}\"/></properties>\n",
             xml_escape(file.id), attributes(report, first, last), seconds(took), report.seed) +
         cases + "  </testsuite>\n";
}

}  // namespace

std::string xml_escape(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    size_t length = 1;
    switch (text[0]) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\n':
      case '\t': out += text[0]; break;
      default:
        length = text_length(text);
        out += length == 0 ? "\xef\xbf\xbd" : text.substr(0, length);
        length = std::max<size_t>(length, 1);
    }
    text.remove_prefix(length);
  }
  return out;
}

std::string junit_xml(const RunReport& report) {
  std::string out = fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<testsuites name=\"testkit\" {} time=\"{:.3f}\">\n",
      attributes(report, 0, report.jobs.size()), seconds(report.took));
  for (size_t first = 0; first < report.jobs.size();) {
    size_t last = first;
    while (last < report.jobs.size() && report.jobs[last].file == report.jobs[first].file) ++last;
    out += testsuite(report, first, last);
    first = last;
  }
  return out + "</testsuites>\n";
}

}  // namespace testkit
