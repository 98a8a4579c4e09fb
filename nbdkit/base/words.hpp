// SPDX-License-Identifier: BSD-3-Clause
//
// For messages about what people have typed.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace nbd {

// The one of `known` that is nearest to `word`, as ", did you mean "X"?";
// empty if none is near.
std::string did_you_mean(const std::string& word, const std::vector<std::string>& known);

// The line of the text that has this place in it, below a sentence, with a mark
// under the place: two lines, each after a newline.
std::string marked(std::string_view text, size_t offset);

}  // namespace nbd
