// SPDX-License-Identifier: BSD-3-Clause
//
// A JSON text with the line of each of its values, so that a message about a
// value can say where it stands.
#pragma once

#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "scenario/problem.hpp"

namespace testkit {

// Members keep their order: that of the matrix's axes names the cells, that of
// parameters is the order on the server's command line.
using Json = nlohmann::ordered_json;

struct Document {
  std::string file;
  std::shared_ptr<const Json> root;
  std::map<std::string, int> lines;      // pointer -> line where the value begins
  std::map<std::string, int> key_lines;  // pointer -> line of the member's key

  // Line of the value; for one that a substitution has made, of what it stands in.
  int line_of(std::string pointer) const;
  // Line of the key that leads to it.
  int key_line_of(const std::string& pointer) const;
};

// One step of a JSON pointer, escaped: "a/b" -> "a~1b".
std::string pointer_token(std::string_view key);

// Nothing if the text is not JSON; `problems` says why, and names keys that an
// object has twice.
std::optional<Document> parse_document(std::string file, std::string_view text,
                                       std::vector<Problem>& problems);

}  // namespace testkit
