// SPDX-License-Identifier: BSD-3-Clause
#include "ddrescue/mapfile.hpp"

#include "base/parse.hpp"
#include "list-file.hpp"

namespace nbd::filters {

namespace {

using Words = std::span<const std::string_view>;

// Not tried, not trimmed, not scraped, bad; rescued.
constexpr std::string_view kStatuses = "?*/-+";
// What ddrescue was doing when it ended: trying, trimming, scraping, retrying,
// filling, generating, finished.
constexpr std::string_view kWork = "?*/-FG+";

void expect_one_of(std::string_view what, std::string_view word, std::string_view known) {
  if (word.size() == 1 && known.find(word[0]) != std::string_view::npos) return;
  fail("{}: expected one of the characters {}, got \"{}\"", what, known, word);
}

uint64_t number(std::string_view what, std::string_view word) {
  return parse_unsigned(what, word, INT64_MAX);
}

// "0x00120000  ?  1": where it was, what it did there, and how often.
void check_work(Words words) {
  if (words.size() != 2 && words.size() != 3) {
    fail("expected CURRENT-POSITION CURRENT-STATUS [CURRENT-PASS], got {} words", words.size());
  }
  number("current position", words[0]);
  expect_one_of("current status", words[1], kWork);
  if (words.size() == 3) number("current pass", words[2]);
}

}  // namespace

Mapfile Mapfile::parse(std::string_view text) {
  Mapfile map;
  bool has_work = false;
  uint64_t end = 0;
  for_each_entry(text, [&](Words words) {
    if (!has_work) {
      check_work(words);
      has_work = true;
      return;
    }
    if (words.size() != 3) fail("expected POSITION SIZE STATUS, got {} words", words.size());
    const uint64_t at = number("position", words[0]), size = number("size", words[1]);
    expect_one_of("status", words[2], kStatuses);
    if (at < end) fail("an area at {} begins before the last one ends, at {}", words[0], end);
    end = at + size;  // two numbers below 2^63
    if (words[2] != "+" || size == 0) return;
    if (!map.good_.empty() && map.good_.back().end == at) {
      map.good_.back().end = end;
    } else {
      map.good_.push_back({at, end});
    }
  });
  if (!has_work) fail("there is no line CURRENT-POSITION CURRENT-STATUS in it");
  return map;
}

}  // namespace nbd::filters
