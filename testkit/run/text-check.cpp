// SPDX-License-Identifier: BSD-3-Clause
#include "run/text-check.hpp"

#include <fmt/format.h>
#include <regex.h>

#include <nlohmann/json.hpp>

namespace testkit {

namespace {

// The pattern was compiled once when the file was read: it is right.
bool regex_matches(const std::string& pattern, const std::string& text) {
  regex_t compiled;
  if (::regcomp(&compiled, pattern.c_str(), REG_EXTENDED | REG_NOSUB | REG_NEWLINE) != 0)
    return false;
  const bool matches = ::regexec(&compiled, text.c_str(), 0, nullptr, 0) == 0;
  ::regfree(&compiled);
  return matches;
}

std::string check_json(const TextCheck& check, const std::string& text) {
  using Json = nlohmann::json;
  const Json json = Json::parse(text, nullptr, false);
  if (json.is_discarded()) return "is not JSON";
  for (const auto& [pointer, wanted] : check.json) {
    const Json::json_pointer at(pointer);
    if (!json.contains(at)) return fmt::format("has nothing at {}", pointer);
    if (json[at] != Json::parse(wanted)) {
      return fmt::format("has {} at {}, not {}", json[at].dump(), pointer, wanted);
    }
  }
  return "";
}

}  // namespace

std::string check_text(const TextCheck& check, const std::string& text) {
  for (const std::string& part : check.contains) {
    if (text.find(part) == std::string::npos) return fmt::format("does not contain \"{}\"", part);
  }
  for (const std::string& part : check.lacks) {
    if (text.find(part) != std::string::npos) return fmt::format("contains \"{}\"", part);
  }
  for (const std::string& pattern : check.matches) {
    if (!regex_matches(pattern, text)) return fmt::format("does not match /{}/", pattern);
  }
  if (!check.json.empty()) {
    if (std::string wrong = check_json(check, text); !wrong.empty()) return wrong;
  }
  if (check.equals && text != *check.equals) return fmt::format("is not \"{}\"", *check.equals);
  return "";
}

std::string describe(const TextCheck& check) {
  std::string out;
  const auto add = [&](const char* verb, const std::string& text, char open, char close) {
    out += fmt::format("{}{} {}{}{}", out.empty() ? "" : ", ", verb, open, text, close);
  };
  for (const std::string& part : check.contains) add("contains", part, '"', '"');
  for (const std::string& part : check.lacks) add("lacks", part, '"', '"');
  for (const std::string& pattern : check.matches) add("matches", pattern, '/', '/');
  for (const auto& [pointer, wanted] : check.json)
    add(("has at " + pointer).c_str(), wanted, ' ', ' ');
  if (check.equals) add("is", *check.equals, '"', '"');
  return out;
}

std::string show_time(Duration time) {
  const double ms = std::chrono::duration<double, std::milli>(time).count();
  if (ms >= 1000) return fmt::format("{:.3g} s", ms / 1000);
  return ms >= 10 ? fmt::format("{:.0f} ms", ms) : fmt::format("{:.2g} ms", ms);
}

std::string describe(const TimeCheck& check) {
  std::string out;
  if (check.within) out += " within " + show_time(*check.within);
  if (check.at_least) out += ", not sooner than " + show_time(*check.at_least);
  return out;
}

}  // namespace testkit
