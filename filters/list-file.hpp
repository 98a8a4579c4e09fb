// SPDX-License-Identifier: BSD-3-Clause
//
// Parameters that name a file with a list in it: a line an entry, words with blanks
// between, '#' before a comment.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <nbdkit/error.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace nbd::filters {

// Longer than any list that is meant, and fits in memory.
inline constexpr size_t kMaxListFile = size_t{256} << 20;

// Throws an Error that names the parameter and the file.
inline std::string read_list_file(std::string_view key, const std::string& path) {
  const Fd file(
      sys([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }, "{}={}", key, path));
  std::string text;
  for (;;) {
    constexpr size_t kStep = 65536;
    const size_t before = text.size();
    text.resize(before + kStep);
    const ssize_t n =
        sys([&] { return ::read(file.get(), text.data() + before, kStep); }, "{}={}", key, path);
    text.resize(before + static_cast<size_t>(n));
    if (n == 0) return text;
    if (text.size() > kMaxListFile) {
      fail("{}={}: the file is longer than {} bytes", key, path, kMaxListFile);
    }
  }
}

// Calls entry(words) for every line that has any. An Error that it throws gets
// "line N: " before its sentence.
template <class Entry>
void for_each_entry(std::string_view text, Entry&& entry) {
  constexpr std::string_view kBlanks = " \t\r\v\f";
  std::vector<std::string_view> words;
  for (size_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    line = line.substr(0, line.find('#'));
    words.clear();
    for (size_t at; (at = line.find_first_not_of(kBlanks)) != std::string_view::npos;) {
      line.remove_prefix(at);
      const size_t length = line.find_first_of(kBlanks);
      words.push_back(line.substr(0, length));
      line.remove_prefix(words.back().size());
    }
    if (words.empty()) continue;
    try {
      entry(std::span<const std::string_view>(words));
    } catch (const Error& e) {
      throw Error(e.errnum(), fmt::format("line {}: {}", number, e.what()));
    }
  }
}

}  // namespace nbd::filters
