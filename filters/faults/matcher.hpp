// SPDX-License-Identifier: BSD-3-Clause
//
// A rule at work: it counts the requests that it is about, and says which of them
// are hit.
//
// Threads: none; whoever owns a Matcher has a lock (faults.hpp).
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "faults/draw.hpp"
#include "faults/rule.hpp"

namespace nbd::filters {

// A request, or what else a rule may be about.
struct Request {
  Kind kind = Kind::read;
  uint64_t offset = 0, count = 0;
  Flags flags = Flags::none;
  uint64_t connection = 0;     // 0: outside a connection
  uint64_t number = 0;         // of this kind, in this connection, as it arrived; 0: made up here
  uint64_t number_of_all = 0;  // ... in all connections together
  std::chrono::nanoseconds connection_age{};
  std::string_view export_name;
};

// What a rule has to know of the moment.
struct Moment {
  std::chrono::nanoseconds time{};  // since the start
  const std::string* state;
};

// A rule has hit a request.
struct Firing {
  std::shared_ptr<const Rule> rule;
  unsigned number;  // of the rule
  Draw draw;

  int errnum() const;  // of rule->errors; 0 if it has none
  std::chrono::nanoseconds delay() const;
};

// Whole sectors that have been written since they were bad.
class HealedSectors {
 public:
  static constexpr uint64_t kSector = 512;

  void add(uint64_t offset, uint64_t count);
  // Whether any byte that is in both ranges has not healed.
  bool leaves(const Range& range, uint64_t offset, uint64_t count) const;
  void clear() { until_.clear(); }

 private:
  std::map<uint64_t, uint64_t> until_;  // first byte -> past the last; they do not touch
};

class Matcher {
 public:
  // stream: where its random numbers begin; plain_seed: for rules of plain parameters.
  Matcher(Rule rule, unsigned number, uint64_t stream, uint64_t plain_seed)
      : rule_(std::make_shared<Rule>(std::move(rule))),
        number_(number),
        stream_(stream),
        plain_seed_(plain_seed) {}

  const Rule& rule() const { return *rule_; }
  unsigned number() const { return number_; }
  uint64_t matched() const { return matched_; }
  uint64_t fired() const { return fired_; }
  bool is_on = true;

  // Counts it, if it is one of those that the rule is about. may_fire: else the rule
  // does no more than that.
  std::optional<Firing> look(const Request& request, const Moment& moment, bool may_fire);
  void healed(const Request& write);
  void forget_connection(uint64_t connection) { of_connection_.erase(connection); }
  // Counts begin anew; so do random numbers.
  void reset();
  // Another rule in its place, that goes on with its counts.
  void change(Rule rule) { rule_ = std::make_shared<Rule>(std::move(rule)); }

 private:
  struct Count {
    uint64_t requests = 0, bytes = 0;
  };

  bool is_about(const Request& request) const;
  uint64_t index_of(const Request& request, uint64_t count) const;

  std::shared_ptr<const Rule> rule_;
  const unsigned number_;
  const uint64_t stream_, plain_seed_;
  Count all_;
  std::map<uint64_t, Count> of_connection_;
  HealedSectors healed_;
  uint64_t matched_ = 0, fired_ = 0;
};

}  // namespace nbd::filters
