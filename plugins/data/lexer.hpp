// SPDX-License-Identifier: BSD-3-Clause
//
// From text to words: numbers, strings, file names, commands and signs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "source.hpp"

namespace data {

enum class TokenKind {
  end,
  number,    // value; text as written
  bytes,     // "string", le16:N, base64:TEXT: decoded into text
  move,      // @N @+N @-N @^N: value, and the sign in text ("", "+", "-", "^")
  file,      // <FILE: text
  command,   // <(SCRIPT): text
  name,      // \NAME: text
  variable,  // $VAR: text
  open,      // (
  close,     // )
  star,      // *
  open_slice,
  colon,
  close_slice,
  arrow,  // ->
};

struct Token {
  TokenKind kind = TokenKind::end;
  Pos pos;
  std::string text;
  uint64_t value = 0;
};

class Lexer {
 public:
  explicit Lexer(const Source& source) : source_(source), text_(source.text) {}
  // Throws an Error that points at what is not a word.
  Token next();

 private:
  void skip_blanks();
  Token sign(Token token, TokenKind kind, size_t length);
  Token word(Token token);
  Token string(Token token);
  unsigned char escape();
  Token move(Token token);
  Token file(Token token);
  Token command(Token token);
  Token named(Token token, TokenKind kind, bool dashes);
  uint64_t number(uint64_t max, bool suffix);
  bool starts_with(std::string_view what) const { return text_.substr(at_).starts_with(what); }
  char peek(size_t ahead = 0) const {
    return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0';
  }
  bool at_end() const { return at_ >= text_.size(); }
  [[noreturn]] void fail_here(std::string_view sentence) const {
    fail_at({&source_, at_}, sentence);
  }

  const Source& source_;
  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace data
