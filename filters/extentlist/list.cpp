// SPDX-License-Identifier: BSD-3-Clause
#include "extentlist/list.hpp"

#include "base/parse.hpp"
#include "list-file.hpp"

namespace nbd::filters {

namespace {

uint32_t parse_type(std::string_view text) {
  if (!text.empty() && text[0] >= '0' && text[0] <= '9') {
    return static_cast<uint32_t>(parse_unsigned("type", text, kExtentHole | kExtentZero));
  }
  uint32_t type = 0;
  for (std::string_view rest = text;;) {
    const size_t comma = rest.find(',');
    const std::string_view word = rest.substr(0, comma);
    if (word == "hole") {
      type |= kExtentHole;
    } else if (word == "zero") {
      type |= kExtentZero;
    } else {
      fail("type: expected a number, or the words hole and zero, got \"{}\"", text);
    }
    if (comma == std::string_view::npos) return type;
    rest.remove_prefix(comma + 1);
  }
}

}  // namespace

ExtentList ExtentList::parse(std::string_view text) {
  std::vector<Entry> all;
  for_each_entry(text, [&](std::span<const std::string_view> words) {
    if (words.size() != 2 && words.size() != 3) {
      fail("expected OFFSET LENGTH [TYPE], got {} words", words.size());
    }
    const uint64_t begin = parse_size("offset", words[0]), length = parse_size("length", words[1]);
    const uint32_t type = words.size() == 3 ? parse_type(words[2]) : 0;
    if (length > 0) all.push_back({begin, begin + length, type});  // each below 2^63
  });
  std::sort(all.begin(), all.end(),
            [](const Entry& a, const Entry& b) { return a.begin < b.begin; });
  ExtentList list;
  for (const Entry& e : all) {
    if (!list.entries_.empty()) {
      Entry& last = list.entries_.back();
      if (e.begin < last.end) {
        fail("the extent at {} overlaps the one from {} to {}", e.begin, last.begin, last.end);
      }
      if (e.begin == last.end && e.type == last.type) {
        last.end = e.end;
        continue;
      }
    }
    list.entries_.push_back(e);
  }
  return list;
}

}  // namespace nbd::filters
