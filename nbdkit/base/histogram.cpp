// SPDX-License-Identifier: BSD-3-Clause
#include "base/histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>

namespace nbd {

// Values below 64 have a bucket each; above, an octave has 64 of them.
size_t Histogram::bucket_of(uint64_t ns) {
  constexpr uint64_t kMax = (uint64_t{1} << (kBits + kOctaves)) - 1;
  ns = std::min(ns, kMax);
  if (ns < (1u << kBits)) return static_cast<size_t>(ns);
  const auto octave = static_cast<unsigned>(std::bit_width(ns)) - kBits;  // 1 for 64..127
  const auto within = static_cast<size_t>(ns >> (octave - 1)) - (1u << kBits);
  return (size_t{octave} << kBits) + within;
}

double Histogram::middle_of(size_t bucket) {
  const size_t octave = bucket >> kBits;
  const size_t within = bucket & ((1u << kBits) - 1);
  if (octave == 0) return static_cast<double>(within);
  const double width = std::ldexp(1.0, static_cast<int>(octave) - 1);
  return (static_cast<double>((1u << kBits) + within) + 0.5) * width;
}

void Histogram::merge(const Histogram& other) {
  for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  total_ += other.total_;
}

double Histogram::percentile(double percent) const {
  if (total_ == 0) return 0;
  const double wanted = std::ceil(static_cast<double>(total_) * percent / 100);
  const auto rank = std::clamp<uint64_t>(static_cast<uint64_t>(wanted), 1, total_);
  uint64_t seen = 0;
  for (size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= rank) return middle_of(i);
  }
  return middle_of(counts_.size() - 1);
}

}  // namespace nbd
