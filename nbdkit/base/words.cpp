// SPDX-License-Identifier: BSD-3-Clause
#include "base/words.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace nbd {

namespace {

// Insertions, deletions, replacements and swaps of neighbours that lead from one
// to the other (optimal string alignment): "raed" is one slip away from "read".
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) d[i][0] = i;
  for (size_t j = 0; j <= b.size(); ++j) d[0][j] = j;
  for (size_t i = 1; i <= a.size(); ++i) {
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, replaced});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
    }
  }
  return d[a.size()][b.size()];
}

}  // namespace

std::string marked(std::string_view text, size_t offset) {
  // Of a long line, this much before and after the place is shown.
  constexpr size_t kShownBefore = 40, kShownAfter = 30;
  const size_t at = std::min(offset, text.size());
  const size_t newline = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
  const size_t line_start = newline == std::string_view::npos ? 0 : newline + 1;
  const size_t line_end = std::min(text.find('\n', at), text.size());
  const size_t from = std::max(line_start, at - std::min(at, kShownBefore));
  std::string shown(text.substr(from, std::min(line_end, at + kShownAfter) - from));
  std::replace_if(shown.begin(), shown.end(), [](unsigned char c) { return c < ' '; }, ' ');
  return fmt::format("\n  {}\n  {:>{}}", shown, '^', at - from + 1);
}

std::string did_you_mean(const std::string& word, const std::vector<std::string>& known) {
  constexpr size_t kLongest = 64;  // longer ones are no slip of the finger, and take long
  if (word.size() > kLongest) return "";
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

}  // namespace nbd
