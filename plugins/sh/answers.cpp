// SPDX-License-Identifier: BSD-3-Clause
#include "answers.hpp"

#include <algorithm>
#include <cctype>

#include "base/error.hpp"
#include "base/parse.hpp"

namespace script {

namespace {

constexpr std::string_view kBlanks = " \t\r\n";

std::vector<std::string_view> split(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> out;
  while (true) {
    const size_t start = text.find_first_not_of(separators);
    if (start == std::string_view::npos) return out;
    text.remove_prefix(start);
    const size_t end = std::min(text.find_first_of(separators), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

// Empty lines count; the newline at the end makes none.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    out.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

// Words of later versions would say more about the extent: it is right without.
uint32_t parse_type(std::string_view text) {
  if (text.find_first_not_of("0123456789") == std::string_view::npos) {
    return static_cast<uint32_t>(nbd::parse_unsigned("extent type", text, UINT32_MAX));
  }
  uint32_t type = 0;
  for (const std::string_view word : split(text, ",")) {
    if (word == "hole") type |= nbd::kExtentHole;
    if (word == "zero") type |= nbd::kExtentZero;
  }
  return type;
}

// Words that scripts print may be in any case, as for the original.
std::string in_case(int (*change)(int), std::string_view word) {
  std::string out(word);
  std::transform(out.begin(), out.end(), out.begin(),
                 [&](unsigned char c) { return static_cast<char>(change(c)); });
  return out;
}

}  // namespace

Failure parse_failure(std::string_view text) {
  const auto trim = [](std::string_view t) {
    const size_t start = std::min(t.find_first_not_of(kBlanks), t.size());
    const size_t end = t.find_last_not_of(kBlanks);
    return end == std::string_view::npos ? std::string_view() : t.substr(start, end + 1 - start);
  };
  text = trim(text);
  const std::string_view word = text.substr(0, text.find_first_of(kBlanks));
  const std::string name = in_case(std::toupper, word);
  const int errnum = name.starts_with('E') ? nbd::errno_from_name(name) : 0;
  if (errnum == 0) return {EIO, std::string(text)};
  return {errnum, std::string(trim(text.substr(word.size())))};
}

std::string one_line(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  return std::string(text);
}

nbd::Support parse_support(std::string_view method, std::string_view text) {
  const std::string word = in_case(std::tolower, one_line(text));
  if (word == "none") return nbd::Support::none;
  if (word == "emulate") return nbd::Support::emulate;
  if (word == "native") return nbd::Support::native;
  nbd::fail("{} printed \"{}\": expected none, emulate or native", method, one_line(text));
}

std::optional<nbd::ThreadModel> parse_thread_model(std::string_view text) {
  const std::string word = in_case(std::tolower, one_line(text));
  if (word == "serialize_connections") return nbd::ThreadModel::serialize_connections;
  if (word == "serialize_all_requests") return nbd::ThreadModel::serialize_all_requests;
  if (word == "serialize_requests") return nbd::ThreadModel::serialize_requests;
  if (word == "parallel") return nbd::ThreadModel::parallel;
  return std::nullopt;
}

nbd::BlockSize parse_block_size(std::string_view text) {
  const auto words = split(text, kBlanks);
  if (words.size() < 3) {
    nbd::fail("block_size printed \"{}\": expected three sizes", one_line(text));
  }
  uint32_t sizes[3];
  for (size_t i = 0; i < 3; ++i) {
    const uint64_t size = nbd::parse_size("block_size", words[i]);
    if (size > UINT32_MAX) nbd::fail("block_size printed {}, more than {}", words[i], UINT32_MAX);
    sizes[i] = static_cast<uint32_t>(size);
  }
  return {sizes[0], sizes[1], sizes[2]};
}

std::vector<nbd::ExportItem> parse_exports(std::string_view text) {
  auto lines = lines_of(text);
  const std::string_view mode = lines.empty() ? "" : lines[0];
  const bool interleaved = mode == "INTERLEAVED", halves = mode == "NAMES+DESCRIPTIONS";
  if (interleaved || halves || mode == "NAMES") lines.erase(lines.begin());
  // The last description may be left out.
  const size_t count = interleaved || halves ? (lines.size() + 1) / 2 : lines.size();
  const auto line = [&](size_t i) { return std::string(i < lines.size() ? lines[i] : ""); };
  std::vector<nbd::ExportItem> out;
  for (size_t i = 0; i < count; ++i) {
    if (interleaved) {
      out.push_back({line(2 * i), line(2 * i + 1)});
    } else {
      out.push_back({line(i), halves ? line(count + i) : ""});
    }
  }
  return out;
}

std::vector<PlacedExtent> parse_extents(std::string_view text) {
  std::vector<PlacedExtent> out;
  for (const std::string_view line : lines_of(text)) {
    const auto words = split(line, kBlanks);
    if (words.empty()) continue;
    if (words.size() < 2) nbd::fail("extents printed \"{}\": expected offset length [type]", line);
    out.push_back({nbd::parse_size("extent offset", words[0]),
                   nbd::parse_size("extent length", words[1]),
                   words.size() > 2 ? parse_type(words[2]) : 0});
  }
  return out;
}

}  // namespace script
