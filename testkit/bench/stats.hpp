// SPDX-License-Identifier: BSD-3-Clause
//
// Many latencies in little memory, and few rounds as one figure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace testkit::bench {

// Counts times in buckets whose width is 1/64 of their value, so a percentile is
// at most 1.6% off. Adding is a few instructions: it stands in the client's hot path.
class Histogram {
 public:
  void add(uint64_t ns) {
    ++counts_[bucket_of(ns)];
    ++total_;
  }
  void merge(const Histogram& other);
  uint64_t total() const { return total_; }
  // The value below or at which `percent` of all are: the middle of its bucket.
  // 0 if there are none.
  double percentile(double percent) const;

  static size_t bucket_of(uint64_t ns);
  static double middle_of(size_t bucket);

 private:
  static constexpr unsigned kBits = 6;
  static constexpr unsigned kOctaves = 40;  // 2^46 ns are 19 hours
  std::array<uint64_t, (size_t{kOctaves} + 1) << kBits> counts_{};
  uint64_t total_ = 0;
};

struct Summary {
  double median = 0, min = 0, max = 0;
};
// Of the rounds that have a value; nothing if none has.
std::optional<Summary> summarize(std::vector<std::optional<double>> rounds);

// value to base; nothing where that says nothing.
std::optional<double> ratio(const std::optional<Summary>& value,
                            const std::optional<Summary>& base);

}  // namespace testkit::bench
