// SPDX-License-Identifier: BSD-3-Clause
#include "faults/lexer.hpp"

#include <algorithm>

#include "base/error.hpp"
#include "base/words.hpp"

namespace nbd::filters {

namespace {
constexpr std::string_view kBlanks = " \t\r\n";
}

Piece Piece::part(size_t from, size_t length) const {
  Piece out = *this;
  from = std::min(from, length_);
  out.at_ = at_ + from;
  out.length_ = std::min(length, length_ - from);
  return out;
}

std::pair<Piece, Piece> Piece::cut(char separator) const {
  const size_t at = text().find(separator);
  if (at == std::string_view::npos) return {*this, part(length_)};
  return {part(0, at), part(at + 1)};
}

std::vector<Piece> Piece::split(char separator) const {
  std::vector<Piece> out;
  size_t from = 0;
  for (size_t at; (at = text().find(separator, from)) != std::string_view::npos; from = at + 1) {
    out.push_back(part(from, at - from));
  }
  out.push_back(part(from));
  return out;
}

void Piece::fail(std::string_view sentence) const {
  nbd::fail("{}: at column {}: {}{}", parameter_, at_ + 1, sentence, marked(whole_, at_));
}

void Piece::expected(std::string_view what) const {
  fail(empty() ? fmt::format("expected {}", what)
               : fmt::format("expected {}, got \"{}\"", what, text()));
}

std::vector<Word> words_of(const Piece& rule) {
  std::vector<Word> out;
  const std::string_view text = rule.text();
  size_t at = 0;
  for (;;) {
    at = text.find_first_not_of(kBlanks, at);
    if (at == std::string_view::npos) return out;
    const size_t name_end = std::min(text.find_first_of(" \t\r\n=", at), text.size());
    const Piece name = rule.part(at, name_end - at);
    if (name.empty()) rule.part(at).fail("expected a word before \"=\"");
    if (name_end == text.size() || text[name_end] != '=') {
      out.push_back({name, rule.part(name_end, 0), false});
      at = name_end;
      continue;
    }
    const size_t begin = name_end + 1;
    const char quote = begin < text.size() ? text[begin] : '\0';
    if (quote == '"' || quote == '\'') {
      const size_t end = text.find(quote, begin + 1);
      if (end == std::string_view::npos) rule.part(begin, 1).fail("this quote is never closed");
      out.push_back({name, rule.part(begin + 1, end - begin - 1), true});
      at = end + 1;
      if (at < text.size() && kBlanks.find(text[at]) == std::string_view::npos) {
        rule.part(at).fail("expected a blank behind the quote");
      }
    } else {
      const size_t end = std::min(text.find_first_of(kBlanks, begin), text.size());
      out.push_back({name, rule.part(begin, end - begin), true});
      at = end;
    }
  }
}

}  // namespace nbd::filters
