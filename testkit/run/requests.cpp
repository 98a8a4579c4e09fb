// SPDX-License-Identifier: BSD-3-Clause
#include "run/requests.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "wire/protocol.hpp"

namespace testkit {

namespace {

constexpr std::array<std::string_view, 8> kCommands{
    "read", "write", "disc", "flush", "trim", "cache", "write_zeroes", "block_status"};
struct FlagName {
  uint16_t flag;
  std::string_view name;
};
constexpr std::array kFlags{FlagName{nbd::wire::command_flag::kFua, "fua"},
                            FlagName{nbd::wire::command_flag::kNoHole, "no_hole"},
                            FlagName{nbd::wire::command_flag::kDf, "df"},
                            FlagName{nbd::wire::command_flag::kReqOne, "req_one"},
                            FlagName{nbd::wire::command_flag::kFastZero, "fast_zero"}};

// The log filter has the words of the server's inside.
std::string command_of_log(const std::string& word) {
  if (word == "zero") return "write_zeroes";
  if (word == "extents") return "block_status";
  return word;
}

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool is_meant(const RequestCheck& check, const SeenRequest& r) {
  if (!check.commands.empty() && !contains(check.commands, r.command)) return false;
  for (const std::string& flag : check.flags) {
    if (!contains(r.flags, flag)) return false;
  }
  if (check.longer_than && r.length <= *check.longer_than) return false;
  if (check.unaligned_to && r.offset % *check.unaligned_to == 0 &&
      r.length % *check.unaligned_to == 0) {
    return false;
  }
  return r.offset < check.to && (r.offset >= check.from || check.from - r.offset < r.length);
}

std::string in_words(const RequestCheck& check) {
  std::string out;
  for (const std::string& c : check.commands) out += (out.empty() ? "" : " or ") + c;
  if (out.empty()) out = "requests";
  for (const std::string& flag : check.flags) out += " " + flag;
  if (check.longer_than) out += fmt::format(" longer than {}", *check.longer_than);
  if (check.unaligned_to) out += fmt::format(" not aligned to {}", *check.unaligned_to);
  if (!check.after_last.empty()) out += " behind the last " + check.after_last;
  if (check.from != 0) out += fmt::format(" from {}", check.from);
  if (check.to != UINT64_MAX) out += fmt::format(" below {}", check.to);
  return out;
}

}  // namespace

std::vector<SeenRequest> requests_in_log(const std::string& path) {
  std::ifstream in(path);
  if (!in) nbd::fail_errno(errno, "cannot read the log of requests {}", path);
  std::vector<SeenRequest> out;
  for (std::string line; std::getline(in, line);) {
    const auto j = nlohmann::json::parse(line, nullptr, false);
    if (!j.is_object()) nbd::fail("{}: not a line of JSON: {}", path, line.substr(0, 100));
    if (!j.contains("command")) continue;  // an event
    SeenRequest r{command_of_log(j.value("command", "")),
                  j.value("offset", uint64_t{0}),
                  j.value("length", uint64_t{0}),
                  {}};
    for (std::string flag : j.value("flags", std::vector<std::string>{})) {
      std::replace(flag.begin(), flag.end(), '-', '_');
      r.flags.push_back(std::move(flag));
    }
    out.push_back(std::move(r));
  }
  return out;
}

std::vector<SeenRequest> requests_in_trace(const std::vector<proxy::TraceEvent>& events) {
  std::vector<SeenRequest> out;
  for (const proxy::TraceEvent& e : events) {
    if (e.place != proxy::Place::request) continue;
    const auto number = static_cast<size_t>(e.request.command);
    SeenRequest r{number < kCommands.size() ? std::string(kCommands[number]) : "unknown",
                  e.request.offset,
                  e.request.length,
                  {}};
    for (const FlagName& f : kFlags) {
      if ((e.request.flags & f.flag) != 0) r.flags.emplace_back(f.name);
    }
    out.push_back(std::move(r));
  }
  return out;
}

Action judge_requests(const RequestCheck& check, const std::vector<SeenRequest>& seen) {
  auto begin = seen.begin();
  if (!check.after_last.empty()) {
    const auto last = std::find_if(seen.rbegin(), seen.rend(), [&](const SeenRequest& r) {
      return r.command == check.after_last;
    });
    begin = last.base();
  }
  const auto count = static_cast<uint64_t>(
      std::count_if(begin, seen.end(), [&](const SeenRequest& r) { return is_meant(check, r); }));
  Action action;
  action.what = "requests: " + in_words(check);
  action.expected = check.count.max == UINT64_MAX ? fmt::format("at least {}", check.count.min)
                    : check.count.min == check.count.max
                        ? fmt::format("{}", check.count.min)
                        : fmt::format("{} to {}", check.count.min, check.count.max);
  action.happened = fmt::format("{} of {}", count, seen.size());
  action.passed = count >= check.count.min && count <= check.count.max;
  return action;
}

}  // namespace testkit
