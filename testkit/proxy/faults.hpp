// SPDX-License-Identifier: BSD-3-Clause
//
// Which rules fire at which message. Counts and the state are those of all connections
// together, so that "the second read" is the second read whoever asked for it.
//
// Random draws depend on the seed, the rule and how many messages have matched it, never
// on the time: a client that does the same again sees the same faults.
//
// Threads: any.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "net/wait.hpp"
#include "proxy/message.hpp"

namespace testkit::proxy {

// A rule that fires, and the source of what it may choose.
struct Fired {
  size_t rule = 0;      // its number, from 0
  uint64_t match = 0;   // the how-manieth message that matched it, from 1
  uint64_t random = 0;  // to be mixed further
};

class Faults {
 public:
  Faults(std::vector<Rule> rules, uint64_t seed);

  const std::vector<Rule>& rules() const { return rules_; }
  // Those that fire at this message, in their order.
  std::vector<Fired> fire(const Message& message, uint64_t connection);
  // How often each has fired.
  std::vector<uint64_t> counts() const;

 private:
  struct Count {
    uint64_t matched = 0, fired = 0;
  };
  bool triggers(const Rule& rule, size_t number, const std::string& state, Count& count);

  const std::vector<Rule> rules_;
  const uint64_t seed_;
  const Clock::time_point start_ = Clock::now();
  mutable std::mutex mutex_;
  std::vector<Count> counts_;
  std::string state_;
  uint64_t passed_ = 0;  // bytes
};

}  // namespace testkit::proxy
