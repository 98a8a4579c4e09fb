// SPDX-License-Identifier: BSD-3-Clause
//
// The language of faults, as nbdkit-faults(1) describes it:
//
//   read every=3 offset=1M-2M connection=2 error=EIO:3,ENOSPC
//
// Words without a value say which requests (or stand for "yes"); the others are
// conditions, of which all must hold, and what happens then. Their order does not
// matter, and none is given twice.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "faults/rule.hpp"

namespace nbd::filters {

// What a filter does by its rules; words of the others are refused.
enum class Trade : uint8_t { error, delay, damage };

// parameter: for messages ("error-rule"). Throws an Error that points at the
// character.
Rule parse_rule(Trade trade, std::string_view parameter, std::string_view text);

// All words of a trade that take a value, for those who change a rule.
std::vector<std::string> rule_words(Trade trade);

// The text with NAME=VALUE in place of what it says of NAME, or at its end.
std::string with_word(std::string_view text, std::string_view name, std::string_view value);

}  // namespace nbd::filters
