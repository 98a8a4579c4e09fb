// SPDX-License-Identifier: BSD-3-Clause
//
// From the tree to an image: every expression once, from left to right.
#pragma once

#include "image.hpp"
#include "parser.hpp"

namespace data {

// Reads files and runs commands. Throws an Error that points into the text.
ImagePtr evaluate(const Program& program);

}  // namespace data
