// SPDX-License-Identifier: BSD-3-Clause
#include "lexer.hpp"

#include <fmt/format.h>

#include <charconv>

#include "base/base64.hpp"

namespace data {

namespace {

bool is_blank(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alpha(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_word(char c) { return is_digit(c) || is_alpha(c) || c == '_'; }

// le16: be64: and the like.
struct Prefix {
  std::string_view text;
  unsigned bytes;
  bool big_endian;
};
constexpr Prefix kPrefixes[] = {{"le16:", 2, false}, {"le32:", 4, false}, {"le64:", 8, false},
                                {"be16:", 2, true},  {"be32:", 4, true},  {"be64:", 8, true}};
constexpr std::string_view kBase64Prefix = "base64:";

std::string encode(uint64_t value, const Prefix& prefix) {
  std::string out;
  for (unsigned i = 0; i < prefix.bytes; ++i) {
    const unsigned byte = prefix.big_endian ? prefix.bytes - 1 - i : i;
    out += static_cast<char>(value >> (8 * byte));
  }
  return out;
}

// The shift of K, M, G, T, P, E in either case; -1 for anything else.
int suffix_shift(char c) {
  const size_t i = std::string_view("kmgtpeKMGTPE").find(c);
  return i == std::string_view::npos ? -1 : static_cast<int>(10 * (i % 6 + 1));
}

}  // namespace

void Lexer::skip_blanks() {
  for (; !at_end(); ++at_) {
    if (peek() == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size() - 1);
    } else if (!is_blank(peek())) {
      return;
    }
  }
}

Token Lexer::next() {
  skip_blanks();
  Token token{.kind = TokenKind::end, .pos = {&source_, at_}, .text = {}, .value = 0};
  if (at_end()) return token;
  switch (peek()) {
    case '(': return sign(token, TokenKind::open, 1);
    case ')': return sign(token, TokenKind::close, 1);
    case '*': return sign(token, TokenKind::star, 1);
    case '[': return sign(token, TokenKind::open_slice, 1);
    case ':': return sign(token, TokenKind::colon, 1);
    case ']': return sign(token, TokenKind::close_slice, 1);
    case '"': return string(token);
    case '@': return move(token);
    case '<': return peek(1) == '(' ? command(token) : file(token);
    case '\\': return named(token, TokenKind::name, true);
    case '$': return named(token, TokenKind::variable, false);
    default: break;
  }
  if (starts_with("->")) return sign(token, TokenKind::arrow, 2);
  if (is_word(peek())) return word(token);
  fail_here("this begins no expression");
}

Token Lexer::sign(Token token, TokenKind kind, size_t length) {
  token.kind = kind;
  token.text = text_.substr(at_, length);
  at_ += length;
  return token;
}

// What starts with a letter or a digit.
Token Lexer::word(Token token) {
  token.kind = TokenKind::bytes;
  for (const Prefix& prefix : kPrefixes) {
    if (!starts_with(prefix.text)) continue;
    at_ += prefix.text.size();
    token.text = encode(number(UINT64_MAX >> (64 - 8 * prefix.bytes), false), prefix);
    return token;
  }
  if (starts_with(kBase64Prefix)) {
    at_ += kBase64Prefix.size();
    const size_t end = std::min(text_.find_first_not_of(nbd::kBase64Alphabet, at_), text_.size());
    const auto decoded = nbd::decode_base64(text_.substr(at_, end - at_));
    if (!decoded) fail_here("this is not base64");
    token.text = *decoded;
    at_ = end;
    return token;
  }
  if (!is_digit(peek())) {
    fail_here("expected a byte, le16: le32: le64: be16: be32: be64: or base64:");
  }
  token.kind = TokenKind::number;
  token.value = number(UINT64_MAX, false);
  return token;
}

// Decimal, 0x hexadecimal or 0 octal; with suffix also K to E.
uint64_t Lexer::number(uint64_t max, bool suffix) {
  size_t end = at_;
  while (end < text_.size() && is_word(text_[end])) ++end;
  std::string_view digits = text_.substr(at_, end - at_);
  if (digits.empty() || !is_digit(digits[0])) fail_here("expected a number");
  int base = 10;
  if (digits.starts_with("0x") || digits.starts_with("0X")) {
    base = 16;
    digits.remove_prefix(2);
  } else if (digits.size() > 1 && digits[0] == '0' && is_word(digits[1]) &&
             (!suffix || suffix_shift(digits[1]) < 0)) {
    base = 8;
    digits.remove_prefix(1);
  }
  const int shift = suffix && base != 16 && !digits.empty() ? suffix_shift(digits.back()) : -1;
  if (shift > 0) digits.remove_suffix(1);
  uint64_t value = 0;
  const auto [stop, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  const bool whole = stop == digits.data() + digits.size() && !digits.empty();
  if (error == std::errc::invalid_argument || !whole) {
    fail_here(fmt::format("this is no {} number", base == 16  ? "hexadecimal"
                                                  : base == 8 ? "octal"
                                                              : "decimal"));
  }
  if (error != std::errc() || value > max || (shift > 0 && value > (max >> shift))) {
    fail_here(fmt::format("this number is larger than {}", max));
  }
  at_ = end;
  return shift > 0 ? value << shift : value;
}

Token Lexer::string(Token token) {
  token.kind = TokenKind::bytes;
  for (++at_; peek() != '"';) {
    if (at_end()) fail_at(token.pos, "this string has no closing quote");
    if (peek() == '\\') {
      token.text += static_cast<char>(escape());
    } else {
      token.text += text_[at_++];
    }
  }
  ++at_;
  return token;
}

// As in C; a character without a meaning of its own stands for itself.
unsigned char Lexer::escape() {
  const size_t start = at_++;
  if (at_end()) return '\\';  // the string is not closed either
  const char c = text_[at_++];
  constexpr std::string_view kFrom = "abfnrtv", kTo = "\a\b\f\n\r\t\v";
  if (const size_t i = kFrom.find(c); i != std::string_view::npos) {
    return static_cast<unsigned char>(kTo[i]);
  }
  const bool octal = c >= '0' && c <= '7';
  if (!octal && c != 'x') return static_cast<unsigned char>(c);
  // Two hexadecimal digits or three octal ones at most: C would take more
  // after \x, but a byte cannot.
  const char* first = text_.data() + (octal ? at_ - 1 : at_);
  const char* last = std::min(first + (octal ? 3 : 2), text_.data() + text_.size());
  unsigned value = 0;
  const auto [stop, error] = std::from_chars(first, last, value, octal ? 8 : 16);
  if (error != std::errc() || value > 255) {
    at_ = start;
    fail_here("this escape is not a byte");
  }
  at_ = static_cast<size_t>(stop - text_.data());
  return static_cast<unsigned char>(value);
}

Token Lexer::move(Token token) {
  token.kind = TokenKind::move;
  ++at_;
  if (peek() == '+' || peek() == '-' || peek() == '^') token.text = text_[at_++];
  token.value = number(INT64_MAX, true);
  return token;
}

// A name ends where an operator could follow it.
Token Lexer::file(Token token) {
  token.kind = TokenKind::file;
  const size_t start = ++at_;
  while (!at_end() && !is_blank(peek()) &&
         std::string_view("*[)").find(peek()) == std::string::npos) {
    ++at_;
  }
  token.text = text_.substr(start, at_ - start);
  if (token.text.empty()) fail_here("expected the name of a file");
  return token;
}

// Up to the parenthesis that closes it; those inside must match.
Token Lexer::command(Token token) {
  token.kind = TokenKind::command;
  const size_t start = at_ += 2;
  for (size_t open = 1;; ++at_) {
    if (at_end()) fail_at(token.pos, "this command has no closing parenthesis");
    if (peek() == '(') ++open;
    if (peek() == ')' && --open == 0) break;
  }
  token.text = text_.substr(start, at_++ - start);
  return token;
}

Token Lexer::named(Token token, TokenKind kind, bool dashes) {
  token.kind = kind;
  const size_t start = ++at_;
  if (!dashes && is_digit(peek())) fail_here("a variable's name starts with a letter");
  while (is_word(peek()) || (dashes && peek() == '-' && peek(1) != '>')) ++at_;
  token.text = text_.substr(start, at_ - start);
  if (token.text.empty()) fail_here("expected a name");
  return token;
}

}  // namespace data
