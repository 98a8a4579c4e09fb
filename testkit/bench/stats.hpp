// SPDX-License-Identifier: BSD-3-Clause
//
// Many latencies in little memory (base/histogram.hpp), and few rounds as one figure.
#pragma once

#include <optional>
#include <vector>

#include "base/histogram.hpp"

namespace testkit::bench {

using nbd::Histogram;

struct Summary {
  double median = 0, min = 0, max = 0;
};
// Of the rounds that have a value; nothing if none has.
std::optional<Summary> summarize(std::vector<std::optional<double>> rounds);

// value to base; nothing where that says nothing.
std::optional<double> ratio(const std::optional<Summary>& value,
                            const std::optional<Summary>& base);

}  // namespace testkit::bench
