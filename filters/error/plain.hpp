// SPDX-License-Identifier: BSD-3-Clause
//
// The original's parameters, and our own of their kind, made into rules.
#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "faults/rule.hpp"

namespace nbd::filters {

class PlainErrors {
 public:
  // False if the key is none of them. Throws an Error that names it and the value.
  bool config(std::string_view key, std::string_view value);
  std::optional<uint64_t> seed() const { return seed_; }
  std::vector<Rule> rules() const;
  // "pread": as parameters and messages call a kind of request.
  static std::string_view name_of(Kind kind);

 private:
  struct Settings {
    std::string error = "EIO";
    double rate = 0;
    uint64_t nth = 0;  // 0: no single request
    std::string file;  // only while it exists
  };
  // Those that the original has: its numbers are part of random streams.
  static constexpr std::array kKinds{Kind::read, Kind::write,   Kind::trim,
                                     Kind::zero, Kind::extents, Kind::cache};

  static bool set(std::string_view what, std::string_view key, std::string_view value,
                  std::span<Settings> targets);
  static Rule rule(Kind kind, const Settings& s, const std::string& condition);

  std::array<Settings, kKinds.size()> settings_;
  std::optional<uint64_t> seed_;
};

}  // namespace nbd::filters
