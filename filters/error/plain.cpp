// SPDX-License-Identifier: BSD-3-Clause
#include "error/plain.hpp"

#include <nbdkit/sdk.hpp>

#include "base/error.hpp"
#include "faults/parser.hpp"

namespace nbd::filters {

namespace {
constexpr std::array<std::string_view, 6> kErrnos{"EPERM",  "EIO",    "ENOMEM",
                                                  "EINVAL", "ENOSPC", "ESHUTDOWN"};
}

std::string_view PlainErrors::name_of(Kind kind) {
  if (kind == Kind::read) return "pread";
  if (kind == Kind::write) return "pwrite";
  return filters::name_of(kind);
}

bool PlainErrors::config(std::string_view key, std::string_view value) {
  if (key == "error-seed") {
    seed_ = parse_uint64("error-seed", value);
    return true;
  }
  constexpr std::string_view kPrefix = "error";
  if (!key.starts_with(kPrefix)) return false;
  std::string_view rest = key.substr(kPrefix.size());
  if (set(rest, key, value, settings_)) return true;
  if (!rest.starts_with('-')) return false;
  rest.remove_prefix(1);
  for (size_t kind = 0; kind < kKinds.size(); ++kind) {
    const std::string_view name = name_of(kKinds[kind]);
    if (!rest.starts_with(name)) continue;
    return set(rest.substr(name.size()), key, value, std::span(&settings_[kind], 1));
  }
  return false;
}

// What stands behind "error" or "error-KIND" says which setting it is.
bool PlainErrors::set(std::string_view what, std::string_view key, std::string_view value,
                      std::span<Settings> targets) {
  if (what.empty()) {
    if (std::find(kErrnos.begin(), kErrnos.end(), value) == kErrnos.end()) {
      fail("{}: expected EPERM, EIO, ENOMEM, EINVAL, ENOSPC or ESHUTDOWN, got \"{}\"", key, value);
    }
    for (Settings& s : targets) s.error = value;
  } else if (what == "-rate") {
    const double rate = parse_probability(key, value);
    if (rate > 1) fail("{}: a rate is at most 1 (100%), got \"{}\"", key, value);
    for (Settings& s : targets) s.rate = rate;
  } else if (what == "-nth") {
    const uint64_t nth = parse_uint64(key, value);
    if (nth == 0) fail("{}: requests are counted from 1, got \"0\"", key);
    for (Settings& s : targets) s.nth = nth;
  } else if (what == "-file") {
    const std::string path = absolute_path(value);
    for (Settings& s : targets) s.file = path;
  } else {
    return false;
  }
  return true;
}

Rule PlainErrors::rule(Kind kind, const Settings& s, const std::string& condition) {
  const std::string text =
      fmt::format("{} {} error={}", filters::name_of(kind), condition, s.error);
  Rule out = parse_rule(Trade::error, "error", text);
  // Behind the parser, which could not quote every path.
  if (!s.file.empty()) {
    out.file = s.file;
    out.text = with_word(text, "file", s.file);
  }
  out.is_plain = true;
  return out;
}

std::vector<Rule> PlainErrors::rules() const {
  std::vector<Rule> out;
  for (size_t i = 0; i < kKinds.size(); ++i) {
    const Settings& s = settings_[i];
    if (s.nth != 0) out.push_back(rule(kKinds[i], s, fmt::format("nth={}", s.nth)));
    if (s.rate > 0) out.push_back(rule(kKinds[i], s, fmt::format("probability={}", s.rate)));
  }
  return out;
}

}  // namespace nbd::filters
