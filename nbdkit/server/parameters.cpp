// SPDX-License-Identifier: BSD-3-Clause
#include "server/parameters.hpp"

#include <cctype>
#include <filesystem>
#include <fstream>
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

void add_lines(std::vector<std::string>& out, const std::string& path) {
  std::ifstream file(path);
  if (!file) nbd::fail_errno(errno, "cannot read parameters from {}", path);
  std::string line;
  while (std::getline(file, line)) {
    if (line.find('\0') != std::string::npos) {
      nbd::fail("cannot read parameters from {}: it is not a text", path);
    }
    if (!line.empty() && line[0] != '#') out.push_back(line);
  }
  if (file.bad()) nbd::fail_errno(errno, "cannot read parameters from {}", path);
}

}  // namespace

std::vector<std::string> with_files_read(const std::vector<std::string>& words,
                                         bool takes_bare_words) {
  std::vector<std::string> out;
  for (const std::string& word : words) {
    const bool is_file = word.size() > 1 && word[0] == '@' &&
                         (!takes_bare_words || std::filesystem::is_regular_file(word.substr(1)));
    if (is_file) {
      add_lines(out, word.substr(1));
    } else {
      out.push_back(word);
    }
  }
  return out;
}

void configure(Stack& stack, const std::vector<std::string>& words) {
  const std::string magic(stack.plugin().magic_config_key());
  bool first = true;
  for (const std::string& word : with_files_read(words, !magic.empty())) {
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
