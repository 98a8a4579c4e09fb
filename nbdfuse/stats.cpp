// SPDX-License-Identifier: BSD-3-Clause
#include "stats.hpp"

#include <fmt/format.h>

namespace nbdfuse {

namespace {

constexpr const char* kNames[] = {"read", "write", "flush", "zero", "punch", "extents"};

}  // namespace

void Stats::add(Kind kind, nbd::Status status, uint64_t bytes, std::chrono::nanoseconds took) {
  Counter& counter = counters_[static_cast<size_t>(kind)];
  const auto ns = static_cast<uint64_t>(took.count());
  const std::lock_guard lock(counter.mutex);
  counter.times.add(ns);
  counter.max_ns = std::max(counter.max_ns, ns);
  if (status.ok()) {
    counter.bytes += bytes;
  } else {
    ++counter.errors;
  }
}

std::string Stats::json() {
  const std::chrono::duration<double> up = std::chrono::steady_clock::now() - since_;
  std::string text = fmt::format(R"({{"seconds":{:.3f})", up.count());
  for (size_t i = 0; i < counters_.size(); ++i) {
    Counter& counter = counters_[i];
    const std::lock_guard lock(counter.mutex);
    text += fmt::format(R"(,"{}":{{"requests":{},"errors":{},"bytes":{},"latency_us":{{)"
                        R"("p50":{:.1f},"p90":{:.1f},"p99":{:.1f},"p99.9":{:.1f},"max":{:.1f}}}}})",
                        kNames[i], counter.times.total(), counter.errors, counter.bytes,
                        counter.times.percentile(50) / 1e3, counter.times.percentile(90) / 1e3,
                        counter.times.percentile(99) / 1e3, counter.times.percentile(99.9) / 1e3,
                        static_cast<double>(counter.max_ns) / 1e3);
  }
  return text + "}\n";
}

}  // namespace nbdfuse
