// SPDX-License-Identifier: BSD-3-Clause
#include "proxy/faults.hpp"

#include <algorithm>

#include "base/mix.hpp"

namespace testkit::proxy {

namespace {

template <class T, class U>
bool one_of(const std::vector<T>& list, U value) {
  return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
}

bool touches(const Range& range, const nbd::wire::Request& request) {
  return request.offset < range.to &&
         (request.offset >= range.from || range.from - request.offset < request.length);
}

bool matches(const Match& match, const Message& m, uint64_t connection) {
  if (match.place != m.place) return false;
  if (match.connection && *match.connection != connection) return false;
  if (match.with_data && !m.has_data()) return false;
  if (match.from_client && *match.from_client != m.from_client) return false;
  if (!one_of(match.options, m.option) || !one_of(match.replies, m.option_reply)) return false;
  if (!match.infos.empty() &&
      (m.option_reply != static_cast<uint32_t>(nbd::wire::OptionReply::info) ||
       !one_of(match.infos, m.info))) {
    return false;
  }
  if (!one_of(match.commands, static_cast<uint16_t>(m.request.command))) return false;
  if (!one_of(match.chunks, m.chunk)) return false;
  return !match.offset || touches(*match.offset, m.request);
}

}  // namespace

Faults::Faults(std::vector<Rule> rules, uint64_t seed)
    : rules_(std::move(rules)), seed_(seed), counts_(rules_.size()) {}

// The message is the next that matches.
bool Faults::triggers(const Rule& rule, size_t number, const std::string& state, Count& count) {
  const Trigger& t = rule.trigger;
  if (t.in_state && *t.in_state != state) return false;
  if (passed_ < t.passed) return false;
  if (t.after.count() > 0 && Clock::now() - start_ < t.after) return false;
  ++count.matched;
  if (count.fired >= t.times) return false;
  if (t.nth != 0 && count.matched != t.nth) return false;
  if (t.every != 0 && count.matched % t.every != 0) return false;
  if (t.first != 0 && count.matched > t.first) return false;
  const uint64_t draw = nbd::nth_mix(seed_ + (uint64_t{number} << 56), count.matched);
  if (t.probability < 1 && static_cast<double>(draw >> 11) * 0x1p-53 >= t.probability) return false;
  ++count.fired;
  if (t.set_state) state_ = *t.set_state;
  return true;
}

std::vector<Fired> Faults::fire(const Message& message, uint64_t connection) {
  std::vector<Fired> out;
  const std::lock_guard lock(mutex_);
  const std::string state = state_;  // what one rule sets counts from the next message on
  for (size_t i = 0; i < rules_.size(); ++i) {
    if (!matches(rules_[i].match, message, connection)) continue;
    if (!triggers(rules_[i], i, state, counts_[i])) continue;
    const uint64_t match = counts_[i].matched;
    out.push_back({i, match, nbd::nth_mix(seed_ + (uint64_t{i} << 56) + 1, match)});
  }
  passed_ += message.bytes.size();
  return out;
}

std::vector<uint64_t> Faults::counts() const {
  const std::lock_guard lock(mutex_);
  std::vector<uint64_t> out;
  for (const Count& c : counts_) out.push_back(c.fired);
  return out;
}

}  // namespace testkit::proxy
