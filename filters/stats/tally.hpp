// SPDX-License-Identifier: BSD-3-Clause
//
// What is counted of one kind of request, and how it is shown.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include <nbdkit/disk.hpp>

#include "base/histogram.hpp"
#include "control/json-writer.hpp"
#include "op-names.hpp"

namespace nbd::filters {

inline constexpr size_t kOps = 7;

// Threads: any, each method has the lock.
class Tally {
 public:
  struct Counts {
    uint64_t ops = 0, bytes = 0, errors = 0;
    std::chrono::nanoseconds time{0};  // of all of them, which may have overlapped
  };

  void add(const Announcement& request, Status status, std::chrono::nanoseconds took);
  void reset();

  Counts counts() const;
  // "read: 101 ops, 0.000043 s, ..." with the breakdown of sizes that are most
  // frequent until `threshold` percent are told (0: none). Empty if there are none.
  std::string as_text(Op op, std::chrono::duration<double> elapsed, unsigned threshold) const;
  JsonObject as_json() const;

 private:
  // Requests whose size has that many bits, by the zero bits at the end of their
  // offset.
  struct Sizes {
    uint64_t ops = 0, bytes = 0;
    std::array<uint64_t, 65> aligned{};
  };
  std::string breakdown(unsigned threshold) const;

  mutable std::mutex mutex_;
  Counts counts_;
  std::chrono::nanoseconds least_{0}, most_{0};
  Histogram latency_;  // in ns
  std::map<unsigned, Sizes> sizes_;
};

std::string human_size(double bytes);

using Tallies = std::array<Tally, kOps>;  // by Op

// The whole report. elapsed: since the start.
std::string report_text(const Tallies& tallies, std::chrono::duration<double> elapsed,
                        unsigned threshold);
JsonObject report_json(const Tallies& tallies, std::chrono::duration<double> elapsed);

}  // namespace nbd::filters
