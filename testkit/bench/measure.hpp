// SPDX-License-Identifier: BSD-3-Clause
//
// One round: one workload against one server that is there.
#pragma once

#include <functional>
#include <optional>

#include "bench/stats.hpp"
#include "bench/usage.hpp"
#include "bench/workload.hpp"
#include "net/connect.hpp"
#include "net/wait.hpp"

namespace testkit::bench {

struct RoundOptions {
  Duration time{};       // measured; a fifth of it goes before to warm up
  unsigned threads = 1;  // of the client
  bool verify = false;
  const TlsKey* tls = nullptr;   // for all connections
  std::function<void()> before;  // after the disk was filled, before the load begins
};

struct Round {
  double iops = 0, mb_per_s = 0;
  double p50_us = 0, p99_us = 0, p999_us = 0;
  // Nothing where the server is not our child.
  std::optional<double> cpu_us;             // of the server, per request
  std::optional<double> peak_mb;            // resident
  std::optional<double> kb_per_connection;  // idle
};

// probe: what the server has used, if that can be known. Throws an Error when the
// server errs, or the user interrupts.
Round measure(const Address& address, const Workload& workload, const RoundOptions& options,
              const std::function<std::optional<Usage>()>& probe, const Interrupt& interrupt);

}  // namespace testkit::bench
