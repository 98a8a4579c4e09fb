// SPDX-License-Identifier: BSD-3-Clause
#include "scenario/problem.hpp"

#include <algorithm>
#include <numeric>

namespace testkit {

namespace {

// Levenshtein distance, one row at a time.
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known) {
  const std::string* best = nullptr;
  // A third of the word may be wrong: "tranports", but not "a" for "b".
  size_t limit = std::max<size_t>(1, word.size() / 3);
  for (const std::string& candidate : known) {
    if (std::min(word.size(), candidate.size()) < 2) continue;
    const size_t distance = edit_distance(word, candidate);
    if (distance > limit || (best != nullptr && distance == limit)) continue;
    best = &candidate;
    limit = distance;
  }
  return best == nullptr ? "" : fmt::format(", did you mean \"{}\"?", *best);
}

}  // namespace testkit
