// SPDX-License-Identifier: BSD-3-Clause
//
// The files of page/, put into the program when it is built (page/embed.cmake).
#pragma once

#include <string_view>

namespace testkit::page {

extern const std::string_view kHtml;    // with the places of the others marked
extern const std::string_view kStyle;   // *.css
extern const std::string_view kScript;  // *.js, in the order of their names

}  // namespace testkit::page
