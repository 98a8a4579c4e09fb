// SPDX-License-Identifier: BSD-3-Clause
#include "report/report.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/process.hpp"
#include "run/text-check.hpp"

namespace testkit {

RunReport::Totals RunReport::totals() const {
  Totals totals;
  for (const CellResult& result : results) {
    switch (result.verdict) {
      case Verdict::passed: ++totals.passed; break;
      case Verdict::failed: ++totals.failed; break;
      case Verdict::skipped: ++totals.skipped; break;
    }
  }
  return totals;
}

std::string command_to_repeat(const RunReport& report, const Job& job) {
  std::string out = fmt::format("testkit run {} --cell {} --seed {}",
                                nbd::shell_quote(job.file->path), job.cell->number, report.seed);
  if (report.nbdkit_was_given) out += " --nbdkit " + nbd::shell_quote(report.nbdkit);
  if (report.trace) out += " --trace";
  return out;
}

bool failed_as_known(const Job& job, const CellResult& result) {
  return result.verdict == Verdict::passed && !job.cell->scenario.known_issue.empty();
}

std::vector<std::string> wire_lines(const CellResult& result, size_t most) {
  if (result.traces.empty()) return {};
  const auto& events = result.traces.back().events;
  const auto first =
      std::find_if(events.begin(), events.end(), [](const auto& e) { return !e.faults.empty(); });
  const size_t count = events.size();
  size_t begin = count - std::min(count, most);
  if (first != events.end()) {
    const auto at = static_cast<size_t>(first - events.begin());
    begin = std::min(begin, at - std::min(at, most / 2));
  }
  std::vector<std::string> lines;
  for (size_t i = begin; i < std::min(count, begin + most); ++i) lines.push_back(events[i].line());
  return lines;
}

size_t text_length(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned lead = byte(0);
  if (lead < 0x80) return lead >= 0x20 && lead != 0x7f ? 1 : 0;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return 0;
  uint32_t code = lead & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3f);
  }
  constexpr uint32_t kSmallest[]{0, 0, 0x80, 0x800, 0x10000};
  const bool surrogate = code >= 0xd800 && code <= 0xdfff;
  const bool no_character = code == 0xfffe || code == 0xffff || code > 0x10ffff;
  return code < kSmallest[length] || surrogate || no_character ? 0 : length;
}

std::string visible(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t length = text_length(text);
    // U+0080 to U+009f: terminals take them for escapes, too.
    const bool c1 = length == 2 && text[0] == '\xc2' && static_cast<unsigned char>(text[1]) < 0xa0;
    const std::string_view character = text.substr(0, std::max<size_t>(length, 1));
    text.remove_prefix(character.size());
    if (length > 0 && !c1) {
      out += character;
    } else if (character == "\n") {
      out += "\\n";
    } else if (character == "\t") {
      out += ' ';
    } else {
      for (const char c : character) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string one_line(const Action& action) {
  return fmt::format("{}: expected {}, got {} ({})", action.what, action.expected, action.happened,
                     show_time(action.took));
}

std::string first_fault(const CellResult& result) {
  for (const Action& action : result.actions) {
    if (!action.passed) return one_line(action);
  }
  return "";
}

}  // namespace testkit
