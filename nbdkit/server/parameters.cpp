// SPDX-License-Identifier: BSD-3-Clause
#include "server/parameters.hpp"

#include <cctype>
#include <optional>
#include <utility>

#include "base/error.hpp"

namespace nbdkit {

namespace {

// key=value, or nothing if the word is not of that form: a key is a letter and
// then letters, digits, '.', '_' and '-'.
std::optional<std::pair<std::string, std::string>> split_parameter(const std::string& word) {
  const size_t equals = word.find('=');
  if (equals == std::string::npos || equals == 0) return std::nullopt;
  const std::string key = word.substr(0, equals);
  for (const char& c : key) {
    const bool first = &c == &*key.begin();
    const auto u = static_cast<unsigned char>(c);
    const bool ok = std::isalpha(u) != 0 ||
                    (!first && (std::isdigit(u) != 0 || c == '.' || c == '_' || c == '-'));
    if (!ok) return std::nullopt;
  }
  return std::pair(key, word.substr(equals + 1));
}

}  // namespace

void configure(Stack& stack, const std::vector<std::string>& words) {
  const std::string magic(stack.plugin().magic_config_key());
  bool first = true;
  for (const std::string& word : words) {
    if (const auto parameter = split_parameter(word)) {
      stack.config(parameter->first, parameter->second);
    } else if (!magic.empty()) {
      stack.config(magic, word);
    } else if (first) {
      stack.config("script", word);  // how language plugins are called
    } else {
      nbd::fail("expecting key=value on the command line but got: {}", word);
    }
    first = false;
  }
}

}  // namespace nbdkit
