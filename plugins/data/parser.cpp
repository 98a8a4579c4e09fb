// SPDX-License-Identifier: BSD-3-Clause
#include "parser.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "lexer.hpp"

namespace data {

namespace {

class Parser {
 public:
  Parser(Program& program, const Lookup& variable) : program_(program), variable_(variable) {}

  Expr source(const Source& text, unsigned depth) {
    Lexer lexer(text);
    Token token = lexer.next();
    const Pos start{&text, 0};
    Expr out = list(lexer, token, start, depth);
    if (token.kind != TokenKind::end) fail_at(token.pos, "this parenthesis closes nothing");
    return out;
  }

 private:
  // Items up to ")" or the end; token is the one after them.
  Expr list(Lexer& lexer, Token& token, Pos start, unsigned depth) {
    if (depth > kMaxDepth) {
      fail_at(start,
              fmt::format("nested more than {} deep (a variable that uses itself?)", kMaxDepth));
    }
    Expr out{.is = Group{}, .pos = start};
    auto& items = std::get<Group>(out.is).items;
    while (token.kind != TokenKind::end && token.kind != TokenKind::close) {
      items.push_back(item(lexer, token, depth));
      out.height = std::max(out.height, items.back().height + 1);
      if (++items_ > kMaxItems) fail_at(start, fmt::format("more than {} items", kMaxItems));
    }
    return out;
  }

  Expr item(Lexer& lexer, Token& token, unsigned depth) {
    if (token.kind == TokenKind::move) return move(lexer, token);
    Expr out = value(lexer, token, depth);
    for (;;) {
      const Pos pos = token.pos;
      switch (token.kind) {
        case TokenKind::star: out = repeat(lexer, token, std::move(out)); break;
        case TokenKind::open_slice: out = slice(lexer, token, std::move(out)); break;
        case TokenKind::arrow: return assign(lexer, token, std::move(out));
        default: return out;
      }
      if (out.height > kMaxDepth) fail_at(pos, fmt::format("more than {} operators", kMaxDepth));
    }
  }

  Expr move(Lexer& lexer, Token& token) {
    using How = Move::How;
    const char sign = token.text.empty() ? '\0' : token.text[0];
    const How how = sign == '+'   ? How::forward
                    : sign == '-' ? How::back
                    : sign == '^' ? How::align
                                  : How::to;
    if (how == How::align && (token.value == 0 || (token.value & (token.value - 1)) != 0)) {
      fail_at(token.pos, "an alignment must be a power of 2");
    }
    Expr out{.is = Move{how, token.value}, .pos = token.pos};
    token = lexer.next();
    return out;
  }

  Expr value(Lexer& lexer, Token& token, unsigned depth) {
    Expr out{.is = Literal{}, .pos = token.pos};
    switch (token.kind) {
      case TokenKind::number:
        if (token.value > 255) fail_at(token.pos, "a byte must be in the range 0 to 255");
        out.is = Literal{std::string(1, static_cast<char>(token.value))};
        break;
      case TokenKind::bytes: out.is = Literal{std::move(token.text)}; break;
      case TokenKind::file: out.is = FileContent{std::move(token.text)}; break;
      case TokenKind::command: out.is = CommandOutput{std::move(token.text)}; break;
      case TokenKind::name: out.is = NameUse{std::move(token.text)}; break;
      case TokenKind::variable: out = variable(token, depth); break;
      case TokenKind::open:
        token = lexer.next();
        out = list(lexer, token, out.pos, depth + 1);
        if (token.kind != TokenKind::close) fail_at(out.pos, "this parenthesis is not closed");
        break;
      default: fail_at(token.pos, "this operator must follow an expression that has bytes");
    }
    token = lexer.next();
    return out;
  }

  Expr variable(const Token& token, unsigned depth) {
    const auto text = variable_(token.text);
    if (!text) {
      fail_at(token.pos,
              fmt::format("${} is neither a parameter nor in the environment", token.text));
    }
    if (depth >= kMaxDepth) {
      fail_at(token.pos,
              fmt::format("nested more than {} deep (a variable that uses itself?)", kMaxDepth));
    }
    return source(program_.sources.emplace_back(Source{"$" + token.text, *text}), depth + 1);
  }

  Expr repeat(Lexer& lexer, Token& token, Expr what) {
    const Pos pos = token.pos;
    token = lexer.next();
    if (token.kind != TokenKind::number) fail_at(token.pos, "expected how often to repeat");
    const uint64_t count = token.value;
    token = lexer.next();
    return above(std::move(what), pos, [&](ExprPtr e) { return Repeat{std::move(e), count}; });
  }

  Expr slice(Lexer& lexer, Token& token, Expr what) {
    const Pos pos = token.pos;
    std::optional<uint64_t> start, end;
    token = lexer.next();
    if (token.kind == TokenKind::number) start = std::exchange(token, lexer.next()).value;
    if (token.kind != TokenKind::colon) fail_at(token.pos, "expected \":\" of a slice [N:M]");
    token = lexer.next();
    if (token.kind == TokenKind::number) end = std::exchange(token, lexer.next()).value;
    if (token.kind != TokenKind::close_slice) fail_at(token.pos, "expected \"]\" of a slice [N:M]");
    token = lexer.next();
    if (end && start.value_or(0) > *end) fail_at(pos, "this slice ends before it starts");
    return above(std::move(what), pos,
                 [&](ExprPtr e) { return Slice{std::move(e), start.value_or(0), end}; });
  }

  Expr assign(Lexer& lexer, Token& token, Expr what) {
    const Pos pos = token.pos;
    token = lexer.next();
    if (token.kind != TokenKind::name) fail_at(token.pos, "expected \\NAME after ->");
    const std::string name = token.text;
    token = lexer.next();
    return above(std::move(what), pos, [&](ExprPtr e) { return Assign{std::move(e), name}; });
  }

  template <class Make>
  static Expr above(Expr what, Pos pos, Make&& make) {
    const unsigned height = what.height + 1;
    return Expr{.is = make(std::make_unique<Expr>(std::move(what))), .pos = pos, .height = height};
  }

  Program& program_;
  const Lookup& variable_;
  size_t items_ = 0;
};

}  // namespace

std::unique_ptr<Program> parse(const std::string& text, const Lookup& variable) {
  auto program = std::make_unique<Program>();
  program->sources.push_back({"data", text});
  program->root = Parser(*program, variable).source(program->sources.front(), 1);
  return program;
}

bool is_variable_name(std::string_view name) {
  constexpr std::string_view kDigits = "0123456789";
  constexpr std::string_view kWord =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
  return !name.empty() && kDigits.find(name[0]) == std::string_view::npos &&
         name.find_first_not_of(kWord) == std::string_view::npos;
}

}  // namespace data
