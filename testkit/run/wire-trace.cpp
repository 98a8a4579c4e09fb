// SPDX-License-Identifier: BSD-3-Clause
#include "run/wire-trace.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace testkit {

namespace {

// Shown on each side of a fault.
constexpr size_t kAround = 8;

std::vector<bool> chosen(const std::vector<proxy::TraceEvent>& events, size_t most) {
  const size_t count = events.size();
  std::vector<bool> keep(count, count <= most);
  if (count <= most) return keep;
  size_t kept = 0;
  const auto take = [&](size_t from, size_t to) {
    for (size_t i = from; i < std::min(to, count) && kept < most; ++i) {
      if (!keep[i]) ++kept;
      keep[i] = true;
    }
  };
  take(0, most / 4);
  take(count - most / 4, count);
  for (size_t i = 0; i < count && kept < most; ++i) {
    if (!events[i].faults.empty()) take(i - std::min(i, kAround), i + kAround + 1);
  }
  for (size_t i = 0; kept < most; ++i) take(i, i + 1);
  return keep;
}

}  // namespace

WireTrace keep_trace(Clock::time_point start, std::vector<proxy::TraceEvent> events, size_t most) {
  WireTrace trace{start, events.size(), {}};
  const std::vector<bool> keep = chosen(events, most);
  // A cookie may be used again once it was answered: the last request counts.
  std::map<std::pair<uint64_t, uint64_t>, size_t> requests;
  for (size_t i = 0; i < events.size(); ++i) {
    const proxy::TraceEvent& e = events[i];
    const std::pair key{e.connection, e.request.cookie};
    if (e.place == proxy::Place::request) requests[key] = i;
    if (!keep[i]) continue;
    WireTrace::Event event{e, i, {}, {}};
    if (const auto found = requests.find(key);
        e.place == proxy::Place::reply && found != requests.end()) {
      event.answers = found->second;
      event.latency = e.time - events[found->second].time;
    }
    trace.events.push_back(std::move(event));
  }
  return trace;
}

}  // namespace testkit
