// SPDX-License-Identifier: BSD-3-Clause
//
// A rule's text, cut into words: "read every=3 text='no luck'".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace nbd::filters {

// A piece of a rule's text that knows where it stands, for messages.
class Piece {
 public:
  // parameter: whose value the text is. Both are borrowed.
  Piece(std::string_view parameter, std::string_view whole)
      : parameter_(parameter), whole_(whole), length_(whole.size()) {}

  std::string_view text() const { return whole_.substr(at_, length_); }
  std::string str() const { return std::string(text()); }
  bool empty() const { return length_ == 0; }
  // A part of it; npos: to the end.
  Piece part(size_t from, size_t length = std::string_view::npos) const;
  // Before and behind the first such character; behind is empty, at the end, if there
  // is none.
  std::pair<Piece, Piece> cut(char separator) const;
  std::vector<Piece> split(char separator) const;

  // Throws an Error: "error-rule: at column 17: SENTENCE", the text, and a mark
  // under this piece.
  [[noreturn]] void fail(std::string_view sentence) const;
  [[noreturn]] void expected(std::string_view what) const;  // ..., got "this"

 private:
  std::string_view parameter_, whole_;
  size_t at_ = 0, length_;
};

struct Word {
  Piece name;
  Piece value;  // empty if there is none
  bool has_value;
};

// Words stand between blanks. A value in "" or '' may have blanks itself.
std::vector<Word> words_of(const Piece& rule);

}  // namespace nbd::filters
