// SPDX-License-Identifier: BSD-3-Clause
#include "stats/tally.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <utility>
#include <vector>

namespace nbd::filters {

namespace {

using Seconds = std::chrono::duration<double>;

// In the order in which people read them.
constexpr std::array<Op, kOps> kOrder{Op::read,    Op::write, Op::trim, Op::zero,
                                      Op::extents, Op::cache, Op::flush};

std::string human_rate(double bytes, Seconds time) {
  return (time.count() > 0 ? human_size(bytes / time.count()) : "(n/a)") + "/s";
}

double percent(uint64_t part, uint64_t whole) {
  return 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

// "12 bit aligned: 100.0% (93)", until few enough have an alignment that is higher.
std::string alignments(const std::array<uint64_t, 65>& exactly, uint64_t ops, unsigned threshold) {
  std::string out;
  uint64_t left = ops;  // aligned to this many bits, or more
  for (unsigned bits = 0; bits < exactly.size() && left > 0; left -= exactly[bits++]) {
    if (exactly[bits] == 0) continue;
    const bool is_last = percent(left, ops) <= 100 - threshold || exactly[bits] == left;
    const bool is_all = left == ops && exactly[bits] == left;
    out += fmt::format("         {:2}{}bit aligned: {:5.1f}% ({})\n", bits,
                       is_last && !is_all ? "+ " : " ", percent(left, ops), left);
    if (is_last) break;
  }
  return out;
}

}  // namespace

std::string human_size(double bytes) {
  if (bytes < 1024) return fmt::format("{:.0f} bytes", bytes);
  if (bytes < 1024 * 1024) return fmt::format("{:.2f} KiB", bytes / 1024);
  if (bytes < 1024 * 1024 * 1024) return fmt::format("{:.2f} MiB", bytes / 1024 / 1024);
  return fmt::format("{:.2f} GiB", bytes / 1024 / 1024 / 1024);
}

void Tally::add(const Announcement& request, Status status, std::chrono::nanoseconds took) {
  const std::lock_guard lock(mutex_);
  if (!status.ok()) {
    ++counts_.errors;
    return;
  }
  least_ = counts_.ops == 0 ? took : std::min(least_, took);
  most_ = std::max(most_, took);
  ++counts_.ops;
  counts_.bytes += request.count;
  counts_.time += took;
  latency_.add(static_cast<uint64_t>(took.count()));
  if (request.count == 0) return;
  Sizes& sizes = sizes_[static_cast<unsigned>(std::bit_width(request.count)) - 1];
  ++sizes.ops;
  sizes.bytes += request.count;
  ++sizes.aligned[static_cast<size_t>(std::countr_zero(request.offset))];
}

void Tally::reset() {
  const std::lock_guard lock(mutex_);
  counts_ = {};
  least_ = most_ = std::chrono::nanoseconds(0);
  latency_ = {};
  sizes_.clear();
}

Tally::Counts Tally::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

std::string Tally::as_text(Op op, Seconds elapsed, unsigned threshold) const {
  const std::lock_guard lock(mutex_);
  if (counts_.ops == 0) return "";
  const auto bytes = static_cast<double>(counts_.bytes);
  const Seconds time = counts_.time;
  return fmt::format("{}: {} ops, {:.6f} s, {}, {} op, {} total\n", name_of(op), counts_.ops,
                     time.count(), human_size(bytes), human_rate(bytes, time),
                     human_rate(bytes, elapsed)) +
         (threshold > 0 ? breakdown(threshold) : "");
}

std::string Tally::breakdown(unsigned threshold) const {
  std::vector<std::pair<unsigned, const Sizes*>> by_count;
  for (const auto& [bits, sizes] : sizes_) by_count.emplace_back(bits, &sizes);
  if (by_count.empty()) return "";
  std::stable_sort(by_count.begin(), by_count.end(),
                   [](const auto& a, const auto& b) { return a.second->ops > b.second->ops; });
  std::string out = "  Request size and alignment breakdown:\n";
  Counts left = counts_;
  for (const auto& [bits, sizes] : by_count) {
    if (percent(left.ops, counts_.ops) <= 100 - threshold) break;
    out += fmt::format("    {:2} bits: {:4.1f}% ({} reqs, {} total)\n", bits,
                       percent(sizes->ops, counts_.ops), sizes->ops,
                       human_size(static_cast<double>(sizes->bytes)));
    out += alignments(sizes->aligned, sizes->ops, threshold);
    left.ops -= sizes->ops;
    left.bytes -= sizes->bytes;
  }
  if (left.ops > 0) {
    out += fmt::format("    other sizes: {:4.1f}% ({} reqs, {} total)\n",
                       percent(left.ops, counts_.ops), left.ops,
                       human_size(static_cast<double>(left.bytes)));
  }
  return out + "\n";
}

JsonObject Tally::as_json() const {
  const std::lock_guard lock(mutex_);
  JsonObject latency;
  if (counts_.ops > 0) {
    latency.set("min", Seconds(least_).count());
    latency.set("mean", Seconds(counts_.time).count() / static_cast<double>(counts_.ops));
    constexpr std::pair<const char*, double> kPercentiles[] = {
        {"p50", 50}, {"p90", 90}, {"p99", 99}, {"p99.9", 99.9}};
    for (const auto& [name, rank] : kPercentiles) {
      // The middle of a bucket may lie outside of what there was.
      const double ns = std::clamp(latency_.percentile(rank), static_cast<double>(least_.count()),
                                   static_cast<double>(most_.count()));
      latency.set(name, ns / 1e9);
    }
    latency.set("max", Seconds(most_).count());
  }
  return JsonObject()
      .set("ops", counts_.ops)
      .set("bytes", counts_.bytes)
      .set("errors", counts_.errors)
      .set("seconds", Seconds(counts_.time).count())
      .set("latency", latency);
}

namespace {

// What an extents request asks for is not moved.
Tally::Counts total_of(const Tallies& tallies) {
  Tally::Counts total;
  for (const Op op : kOrder) {
    const Tally::Counts c = tallies[static_cast<size_t>(op)].counts();
    total.ops += c.ops;
    total.errors += c.errors;
    if (op != Op::extents) total.bytes += c.bytes;
  }
  return total;
}

}  // namespace

std::string report_text(const Tallies& tallies, Seconds elapsed, unsigned threshold) {
  const Tally::Counts total = total_of(tallies);
  const auto bytes = static_cast<double>(total.bytes);
  std::string out = fmt::format("total: {} ops, {:.6f} s, {}, {}\n", total.ops, elapsed.count(),
                                human_size(bytes), human_rate(bytes, elapsed));
  for (const Op op : kOrder) {
    out += tallies[static_cast<size_t>(op)].as_text(op, elapsed, threshold);
  }
  return out;
}

JsonObject report_json(const Tallies& tallies, Seconds elapsed) {
  const Tally::Counts total = total_of(tallies);
  JsonObject out;
  out.set("elapsed", elapsed.count());
  out.set("total",
          JsonObject().set("ops", total.ops).set("bytes", total.bytes).set("errors", total.errors));
  for (const Op op : kOrder) {
    out.set(name_of(op), tallies[static_cast<size_t>(op)].as_json());
  }
  return out;
}

}  // namespace nbd::filters
