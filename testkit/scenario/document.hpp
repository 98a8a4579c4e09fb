// SPDX-License-Identifier: BSD-3-Clause
//
// A JSON text with the position of each of its values, so that a message about a
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
  std::map<std::string, Position> values;  // by pointer
  std::map<std::string, Position> keys;    // of the member's key, by the member's pointer

  // Of the value; for one that a substitution has made, of what it stands in.
  Position position_of(std::string pointer) const;
  // Of the key that leads to it.
  Position key_position_of(const std::string& pointer) const;
};

// One step of a JSON pointer, escaped: "a/b" -> "a~1b".
std::string pointer_token(std::string_view key);

// Nothing if the text is not JSON; `problems` says why, and names keys that an
// object has twice.
std::optional<Document> parse_document(std::string file, std::string_view text,
                                       std::vector<Problem>& problems);

}  // namespace testkit
