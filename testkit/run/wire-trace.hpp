// SPDX-License-Identifier: BSD-3-Clause
//
// What a cell keeps of the trace of its proxy, for the reports.
#pragma once

#include <optional>
#include <vector>

#include "proxy/trace.hpp"

namespace testkit {

struct WireTrace {
  struct Event : proxy::TraceEvent {
    uint64_t number = 0;  // of all that went by, from 0
    // A reply: the number of its request, and the time since then.
    std::optional<uint64_t> answers;
    Duration latency{};
  };
  Clock::time_point start{};  // of the events' times
  uint64_t total = 0;         // events that there were; those left out lie between the kept
  std::vector<Event> events;
};

// More than a person reads of one cell, and with a thousand cells still a page that a
// browser opens at once.
constexpr size_t kMostEventsKept = 240;

// The beginning, the end, and what is around the faults, the first of them first.
WireTrace keep_trace(Clock::time_point start, std::vector<proxy::TraceEvent> events,
                     size_t most = kMostEventsKept);

}  // namespace testkit
