// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <sched.h>

#include "bench/workload.hpp"

namespace testkit::bench {

enum class Side { client, server };

// Puts this thread, and what it starts from then on, where a side of the workload
// belongs, until the end of the scope: together are both on the first processor that
// we may use; apart is the client there, the server on all others. Throws an Error
// when there is only one.
class Placement {
 public:
  Placement(Pin pin, Side side);
  Placement(const Placement&) = delete;
  Placement& operator=(const Placement&) = delete;
  ~Placement();

 private:
  cpu_set_t saved_{};
};

}  // namespace testkit::bench
