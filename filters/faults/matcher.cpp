// SPDX-License-Identifier: BSD-3-Clause
#include "faults/matcher.hpp"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace nbd::filters {

namespace {

// What is no request of a client has numbers far away from theirs.
constexpr uint64_t kFar = uint64_t{1} << 62;

bool is_one_of(const std::vector<Range>& ranges, uint64_t n) {
  return ranges.empty() ||
         std::any_of(ranges.begin(), ranges.end(), [&](const Range& r) { return r.contains(n); });
}

}  // namespace

int Firing::errnum() const {
  uint64_t sum = 0;
  for (const WeightedError& e : rule->errors) sum += e.weight;
  if (sum == 0) return 0;
  uint64_t left = draw.below(kWhichError, sum);
  for (const WeightedError& e : rule->errors) {
    if (left < e.weight) return e.errnum;
    left -= e.weight;
  }
  return 0;
}

std::chrono::nanoseconds Firing::delay() const {
  if (!rule->delay) return {};
  const Distribution& d = *rule->delay;
  const auto a = static_cast<double>(d.a.count()), b = static_cast<double>(d.b.count());
  double ns = a;
  switch (d.form) {
    case Distribution::Form::fixed: break;
    case Distribution::Form::uniform: ns = a + (b - a) * draw.unit(kHowLong); break;
    case Distribution::Form::normal: {  // Box and Muller
      const double radius = std::sqrt(-2 * std::log(1 - draw.unit(kHowLong)));
      ns = a + b * radius * std::cos(2 * std::numbers::pi * draw.unit(kHowLong2));
      break;
    }
    case Distribution::Form::pareto: ns = a / std::pow(1 - draw.unit(kHowLong), 1 / d.shape); break;
  }
  ns += static_cast<double>(rule->jitter.count()) * (2 * draw.unit(kJitter) - 1);
  // A tail without end is cut: a test that waits for longer than a day waits in vain.
  constexpr double kLongest = 86400e9;
  const bool is_random = d.form != Distribution::Form::fixed;
  return std::chrono::nanoseconds(
      static_cast<int64_t>(std::clamp(ns, 0.0, is_random ? kLongest : 9.2e18)));
}

void HealedSectors::add(uint64_t offset, uint64_t count) {
  uint64_t from = (offset + kSector - 1) / kSector * kSector;
  uint64_t to = (offset + count) / kSector * kSector;
  if (from >= to) return;
  auto next = until_.upper_bound(from);
  if (next != until_.begin() && std::prev(next)->second >= from) --next;
  while (next != until_.end() && next->first <= to) {
    from = std::min(from, next->first);
    to = std::max(to, next->second);
    next = until_.erase(next);
  }
  until_[from] = to;
}

bool HealedSectors::leaves(const Range& range, uint64_t offset, uint64_t count) const {
  if (!range.meets(offset, count)) return false;
  const uint64_t from = std::max(range.from, offset);
  const uint64_t last = std::min(range.to, offset + (count - 1));
  const auto next = until_.upper_bound(from);
  return next == until_.begin() || std::prev(next)->second <= last;
}

bool Matcher::is_about(const Request& r) const {
  const Rule& rule = *rule_;
  if (!rule.kinds.contains(r.kind) || !rule.connections.contains(r.connection)) return false;
  if ((r.flags & rule.flags_set) != rule.flags_set) return false;
  if ((r.flags & rule.flags_clear) != Flags::none) return false;
  if (rule.export_name && r.export_name != *rule.export_name) return false;
  const bool has_range = kWithRange.contains(r.kind);
  if (rule.lengths != Range{} && !(has_range && rule.lengths.contains(r.count))) return false;
  if (rule.offsets.empty()) return true;
  return has_range &&
         std::any_of(rule.offsets.begin(), rule.offsets.end(), [&](const Range& range) {
           return rule.heals ? healed_.leaves(range, r.offset, r.count)
                             : range.meets(r.offset, r.count);
         });
}

// By which its random numbers are found: the same in each run that does the same.
uint64_t Matcher::index_of(const Request& r, uint64_t count) const {
  if (rule_->is_plain) return r.number_of_all != 0 ? r.number_of_all : kFar + count;
  constexpr unsigned kBitsForCount = 40;
  return rule_->per_connection ? (r.connection << kBitsForCount) + count : count;
}

std::optional<Firing> Matcher::look(const Request& r, const Moment& moment, bool may_fire) {
  if (!is_about(r)) return std::nullopt;
  const Rule& rule = *rule_;
  Count& count = rule.per_connection ? of_connection_[r.connection] : all_;
  ++matched_;
  const uint64_t k = ++count.requests, moved = count.bytes;
  count.bytes += r.count;
  if (!may_fire || !is_on || fired_ >= rule.times) return std::nullopt;

  const uint64_t index = index_of(r, k);
  const uint64_t n = rule.is_plain ? index : k;
  if (n < rule.from || n > rule.to || !is_one_of(rule.nth, n)) return std::nullopt;
  if ((n - rule.from + 1) % rule.every != 0) return std::nullopt;
  if (rule.bytes != Range{} && !rule.bytes.meets(moved, std::max<uint64_t>(r.count, 1))) {
    return std::nullopt;
  }
  if (!rule.time.contains(static_cast<uint64_t>(moment.time.count()))) return std::nullopt;
  if (!rule.connection_time.contains(static_cast<uint64_t>(r.connection_age.count()))) {
    return std::nullopt;
  }
  if (!rule.state.empty() && rule.state != *moment.state) return std::nullopt;
  // The plain parameters have a stream for each kind.
  const uint64_t base =
      rule.is_plain ? plain_seed_ + (static_cast<uint64_t>(r.kind) << 56) : stream_;
  Firing firing{rule_, number_, Draw(base, index)};
  if (rule.probability < 1 && firing.draw.unit(kWhether) >= rule.probability) return std::nullopt;
  if (!rule.file.empty() && ::access(rule.file.c_str(), F_OK) != 0) return std::nullopt;
  ++fired_;
  return firing;
}

void Matcher::healed(const Request& write) {
  if (rule_->heals) healed_.add(write.offset, write.count);
}

void Matcher::reset() {
  all_ = {};
  of_connection_.clear();
  healed_.clear();
  matched_ = fired_ = 0;
}

}  // namespace nbd::filters
