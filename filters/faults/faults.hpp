// SPDX-License-Identifier: BSD-3-Clause
//
// What a filter has that injects faults by rules: their parameters, their part of
// the control socket, the decision which requests are hit, and the log.
//
//   class ErrorFilter {
//     Faults faults_{"error", Trade::error};
//     bool config(key, value) { return faults_.config(key, value) || ...; }
//     void get_ready() { faults_.get_ready(); }  // after_fork, cleanup, disconnected alike
//     void announce(const nbd::Announcement& a) { faults_.announce(a); }
//     Status flush(Next& next, Flags flags) {
//       for (const Firing& f : faults_.decide(request_of(Kind::flush, 0, 0, flags))) ...
//     }
//   };
//
// Decisions are made in the order in which requests arrive, as far as they are
// announced: what is counted or drawn for the Nth request is then the same in each
// run, in whatever order threads come to serve them.
//
// Threads: config() and get_ready() at the start, in one; the others in any.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>
#include <vector>

#include <nbdkit/disk.hpp>

#include "control/control.hpp"
#include "faults/matcher.hpp"
#include "faults/parser.hpp"
#include "faults/stack.hpp"

namespace nbd::filters {

// Parameters that all of them take, for their help.
#define NBD_FAULTS_HELP                                                 \
  "fault-seed=<N>                the same seed draws the same faults\n" \
  "fault-log=<FILENAME>          what happened, a line of JSON for each\n" NBD_CONTROL_HELP

// A request of the client that this thread works for; or something else that happens
// to it, where there are no numbers.
Request request_of(Kind kind, uint64_t offset = 0, uint64_t count = 0, Flags flags = Flags::none);
// The same where a client is only about to get its export.
Request request_of(Kind kind, const std::string& export_name);

class Faults {
 public:
  Faults(std::string filter, Trade trade);

  // "FILTER-rule", "fault-seed", "fault-log" or "control".
  bool config(std::string_view key, std::string_view value);
  // A rule that stands for other parameters, behind those that there are.
  void add(Rule rule);
  // The seed of plain parameters, if it is not that of the stack.
  void set_plain_seed(uint64_t seed) { plain_seed_ = seed; }
  // A command of the filter's own.
  void add_command(Command command) { control_.add(std::move(command)); }

  void get_ready(bool draws_besides = false);
  void after_fork() { control_.after_fork(); }
  void cleanup() noexcept { control_.cleanup(); }
  // The client of this thread is gone.
  void disconnected() noexcept;

  void announce(const Announcement& request);
  // The rules that hit a request, which they count. With Trade::delay all of them, else
  // the first.
  std::vector<Firing> decide(const Request& request);
  // A write that was done.
  void healed(const Request& write);

  // Whether the filter does anything: commands switch it.
  bool is_on() const { return is_on_.load(std::memory_order_relaxed); }
  // Whether rules can come that are not there yet.
  bool can_change() const { return control_.is_used(); }
  // The kinds of request that rules are about.
  KindSet kinds() const;
  // Whether some rule does that, or could.
  bool any(Damage damage) const;

  // An event for the log: what was done to the request.
  void log(const Firing& firing, const Request& request, const JsonObject& did) const;
  // Of something that no rule did, but another parameter.
  void log(std::string_view parameter, const Draw& draw, const Request& request,
           const JsonObject& did) const;
  uint64_t seed() const { return stack_.seed(); }
  // Where random numbers begin that are not those of a rule.
  uint64_t stream(std::string_view name) const;

 private:
  using Key = std::tuple<uint64_t, Kind, uint64_t>;  // connection, kind, number

  void add_commands();
  void add_commands_for_rules();
  std::vector<Firing> look(const Request& request);
  std::vector<Firing> take_decision(const Request& request);
  void put(Rule rule);
  Matcher& find(const std::string& number);
  void rules_have_changed();
  JsonArray list() const;
  Rule parse(std::string_view parameter, std::string_view text) const;
  void log_event(const JsonObject& which, const Request& request, const JsonObject& did) const;

  const std::string filter_;
  const Trade trade_;
  FaultStack& stack_ = FaultStack::get();
  Control control_;
  std::optional<uint64_t> plain_seed_;
  std::vector<Rule> configured_;  // until get_ready()

  std::atomic<bool> is_on_ = true, has_rules_ = false, order_matters_ = false;
  mutable std::mutex mutex_;  // over all below
  std::vector<std::unique_ptr<Matcher>> rules_;
  unsigned next_number_ = 1;
  // Decided on arrival, and not yet asked for.
  std::map<Key, std::vector<Firing>> decided_;
};

}  // namespace nbd::filters
