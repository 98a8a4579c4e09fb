// SPDX-License-Identifier: BSD-3-Clause
//
// What a server has cost so far, seen from outside.
#pragma once

#include <sys/types.h>

namespace testkit::bench {

struct Usage {
  double cpu_seconds = 0;  // user and system, of all threads, also those that ended
  double memory_kb = 0;    // resident now
  double peak_kb = 0;      // resident at most
};

// Of all processes in the group: a server may fork for each client. CPU time comes
// from the processes' clocks, in nanoseconds; that of children which have ended
// already is known only in ticks of 10 ms. Memory that processes share counts in each.
Usage usage_of_group(pid_t group);

}  // namespace testkit::bench
