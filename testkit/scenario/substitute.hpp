// SPDX-License-Identifier: BSD-3-Clause
//
// Two kinds of names in a scenario. Values of the matrix, ${transport} and
// ${seed} are known when the file is read: ${name} is replaced in the JSON, with
// the value's own type where it is the whole string. What is known only when the
// cell runs ($uri, $dir, $unixsocket ...) is replaced then.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "scenario/document.hpp"

namespace testkit {

class Problems;

using JsonValues = std::vector<std::pair<std::string, Json>>;
using Variables = std::vector<std::pair<std::string, std::string>>;

// The names that a running cell knows, for clients and servers.
const std::vector<std::string>& runtime_names();

// ${name} in all strings and keys of `json`; "$${" gives "${". A name that is
// neither in `values` nor a runtime name is a problem.
Json substitute(const Json& json, const JsonValues& values, const std::string& pointer,
                Problems& problems);

// $name and ${name} of the variables; other names stay as they are.
std::string expand(std::string_view text, const Variables& variables);
std::vector<std::string> expand(const std::vector<std::string>& words, const Variables& variables);

}  // namespace testkit
