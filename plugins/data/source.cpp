// SPDX-License-Identifier: BSD-3-Clause
#include "source.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace data {

namespace {

// Of a long line, this much before and after the place is shown.
constexpr size_t kShownBefore = 40, kShownAfter = 30;

}  // namespace

void fail_at(Pos pos, std::string_view sentence) {
  const std::string_view text = pos.source->text;
  const size_t at = std::min(pos.offset, text.size());
  const size_t newline = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
  const size_t line_start = newline == std::string_view::npos ? 0 : newline + 1;
  const size_t line_end = std::min(text.find('\n', at), text.size());
  const auto line =
      1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');

  const size_t from = std::max(line_start, at - std::min(at, kShownBefore));
  std::string shown(text.substr(from, std::min(line_end, at + kShownAfter) - from));
  std::replace_if(shown.begin(), shown.end(), [](unsigned char c) { return c < ' '; }, ' ');
  nbd::fail("{}:{}:{}: {}\n  {}\n  {:>{}}", pos.source->name, line, at - line_start + 1, sentence,
            shown, '^', at - from + 1);
}

}  // namespace data
