// SPDX-License-Identifier: BSD-3-Clause
//
// The JSON Schema of scenarios (draft 7, docs/scenario.schema.json), for editors and
// for other programs. testkit itself reads files with decoders that know more, of
// names and of what goes together; a file that those take is held against the schema
// as well, so that the two cannot part unseen.
//
// Threads: any.
#pragma once

#include <string_view>
#include <vector>

#include "scenario/document.hpp"

namespace testkit {

std::string_view schema_text();

// What does not fit it, the innermost place of each.
std::vector<Problem> check_schema(const Document& document);

}  // namespace testkit
