// SPDX-License-Identifier: BSD-3-Clause
#include "bench/stats.hpp"

#include <algorithm>

namespace testkit::bench {

std::optional<Summary> summarize(std::vector<std::optional<double>> rounds) {
  std::vector<double> values;
  for (const auto& value : rounds) {
    if (value) values.push_back(*value);
  }
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
  return Summary{median, values.front(), values.back()};
}

std::optional<double> ratio(const std::optional<Summary>& value,
                            const std::optional<Summary>& base) {
  if (!value || !base || base->median == 0) return std::nullopt;
  return value->median / base->median;
}

}  // namespace testkit::bench
