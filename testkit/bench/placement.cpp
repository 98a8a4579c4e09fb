// SPDX-License-Identifier: BSD-3-Clause
#include "bench/placement.hpp"

#include "base/error.hpp"

namespace testkit::bench {

namespace {

cpu_set_t processors() {
  cpu_set_t set;
  nbd::sys([&] { return ::sched_getaffinity(0, sizeof set, &set); }, "sched_getaffinity");
  return set;
}

}  // namespace

Placement::Placement(Pin pin, Side side) : saved_(processors()) {
  if (pin == Pin::no) return;
  int first = 0;
  while (!CPU_ISSET(first, &saved_)) ++first;
  cpu_set_t set;
  if (pin == Pin::apart && side == Side::server) {
    set = saved_;
    CPU_CLR(first, &set);
    if (CPU_COUNT(&set) == 0) nbd::fail("pin=apart: there is only one processor");
  } else {
    CPU_ZERO(&set);
    CPU_SET(first, &set);
  }
  nbd::sys([&] { return ::sched_setaffinity(0, sizeof set, &set); }, "sched_setaffinity");
}

Placement::~Placement() { ::sched_setaffinity(0, sizeof saved_, &saved_); }

}  // namespace testkit::bench
