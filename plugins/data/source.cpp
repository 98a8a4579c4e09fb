// SPDX-License-Identifier: BSD-3-Clause
#include "source.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/words.hpp"

namespace data {

void fail_at(Pos pos, std::string_view sentence) {
  const std::string_view text = pos.source->text;
  const size_t at = std::min(pos.offset, text.size());
  const size_t newline = at == 0 ? std::string_view::npos : text.rfind('\n', at - 1);
  const size_t line_start = newline == std::string_view::npos ? 0 : newline + 1;
  const auto line =
      1 + std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(at), '\n');
  nbd::fail("{}:{}:{}: {}{}", pos.source->name, line, at - line_start + 1, sentence,
            nbd::marked(text, at));
}

}  // namespace data
