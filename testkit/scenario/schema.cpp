// SPDX-License-Identifier: BSD-3-Clause
#include "scenario/schema.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

namespace testkit {

namespace {

struct ParsedSchema {
  valijson::Schema schema;

  ParsedSchema() {
    const auto json = nlohmann::json::parse(schema_text());
    valijson::SchemaParser(valijson::SchemaParser::kDraft7)
        .populateSchema(valijson::adapters::NlohmannJsonAdapter(json), schema);
  }
};

const valijson::Schema& parsed_schema() {
  static const ParsedSchema parsed;
  return parsed.schema;
}

// "<root>", "[client]", "[0]" -> "/client/0"
std::string pointer_of(const std::vector<std::string>& context) {
  std::string out;
  for (size_t i = 1; i < context.size(); ++i) {
    const std::string& step = context[i];
    const bool bracketed = step.size() >= 2 && step.front() == '[' && step.back() == ']';
    out += "/" + pointer_token(bracketed ? step.substr(1, step.size() - 2) : step);
  }
  return out;
}

}  // namespace

std::vector<Problem> check_schema(const Document& document) {
  // valijson knows the plain kind only; the order of members does not matter to it.
  const auto json = nlohmann::json::parse(document.root->dump());
  valijson::Validator validator;
  valijson::ValidationResults results;
  std::vector<Problem> out;
  if (validator.validate(parsed_schema(), valijson::adapters::NlohmannJsonAdapter(json),
                         &results)) {
    return out;
  }
  // From the outside in; what is further in says more.
  valijson::ValidationResults::Error error;
  size_t depth = 0;
  while (results.popError(error)) {
    if (error.context.size() < depth) continue;
    if (error.context.size() > depth) out.clear();
    depth = error.context.size();
    const std::string pointer = pointer_of(error.context);
    Problem problem{document.file, document.position_of(pointer), pointer,
                    "does not fit the schema: " + error.description};
    if (std::find(out.begin(), out.end(), problem) == out.end()) out.push_back(std::move(problem));
  }
  return out;
}

}  // namespace testkit
