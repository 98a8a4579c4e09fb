// SPDX-License-Identifier: BSD-3-Clause
//
// nlohmann's SAX events carry no positions. The parser is therefore fed
// through an iterator that remembers the last character it gave out. At an event
// that is the last of the event's token, or, behind a number, the one after it,
// since only there the lexer reads ahead. A token begins where something that
// is neither space, comma nor colon follows the end of the one before.
#include "scenario/document.hpp"

#include <cstring>
#include <iterator>
#include <nlohmann/json.hpp>
#include <utility>

namespace testkit {

namespace {

class TrackedChars {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  TrackedChars(const char* at, const char** last) : at_(at), last_(last) {}
  const char& operator*() const {
    *last_ = at_;
    return *at_;
  }
  TrackedChars& operator++() {
    ++at_;
    return *this;
  }
  TrackedChars operator++(int) { return {at_++, last_}; }
  bool operator==(const TrackedChars& other) const { return at_ == other.at_; }
  bool operator!=(const TrackedChars& other) const { return at_ != other.at_; }

 private:
  const char* at_;
  const char** last_;
};

// Builds the tree and notes the lines on the way.
class Builder : public nlohmann::json_sax<Json> {
 public:
  Builder(Document& document, std::string_view text, std::vector<Problem>& problems)
      : document_(document),
        problems_(problems),
        counted_(text.data()),
        end_(text.data()),
        last_(text.data()) {}

  const char** last() { return &last_; }
  Json take_root() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool value) override { return add(value); }
  bool number_integer(int64_t value) override { return add_number(value); }
  bool number_unsigned(uint64_t value) override { return add_number(value); }
  bool number_float(double value, const std::string&) override { return add_number(value); }
  bool string(std::string& value) override { return add(std::move(value)); }
  bool binary(binary_t&) override { return false; }  // not in JSON text

  bool start_object(size_t) override { return open(Json::object()); }
  bool start_array(size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }

  bool key(std::string& name) override {
    Frame& frame = frames_.back();
    const std::string pointer = frame.pointer + "/" + pointer_token(name);
    const Position position = next_token(last_ + 1);
    if (frame.container->contains(name)) {
      problems_.push_back({document_.file, position, pointer,
                           fmt::format("key \"{}\" is given twice, first on line {}", name,
                                       document_.keys[pointer].line)});
    }
    document_.keys[pointer] = position;
    frame.key = name;
    return true;
  }

  bool parse_error(size_t, const std::string&, const nlohmann::detail::exception& e) override {
    // "[json.exception.parse_error.101] parse error at line 3, column 5: REST"
    std::string what = e.what();
    const size_t column = what.find(", column ");
    const size_t rest = column == std::string::npos ? column : what.find(": ", column);
    if (rest != std::string::npos) what.erase(0, rest + 2);
    problems_.push_back({document_.file, next_token(last_ + 1),
                         frames_.empty() ? "" : frames_.back().pointer, "not JSON: " + what});
    return false;
  }

 private:
  struct Frame {
    Json* container;
    std::string pointer;
    std::string key;  // of the next value, in an object
  };

  // Where the token of this event begins; the next one is searched from `end` on.
  Position next_token(const char* end) {
    const char* begin = end_;
    while (begin < last_ && std::strchr(" \t\r\n,:", *begin) != nullptr) ++begin;
    for (; counted_ < begin; ++counted_) {
      ++position_.column;
      if (*counted_ == '\n') position_ = {position_.line + 1, 1};
    }
    end_ = end;
    return position_;
  }

  std::string next_pointer() const {
    if (frames_.empty()) return "";
    const Frame& frame = frames_.back();
    return frame.pointer + "/" +
           (frame.container->is_array() ? std::to_string(frame.container->size())
                                        : pointer_token(frame.key));
  }

  Json& place(Json value, const char* end) {
    document_.values[next_pointer()] = next_token(end);
    if (frames_.empty()) return root_ = std::move(value);
    Frame& frame = frames_.back();
    if (frame.container->is_array()) {
      frame.container->push_back(std::move(value));
      return frame.container->back();
    }
    return (*frame.container)[frame.key] = std::move(value);
  }

  bool add(Json value) {
    place(std::move(value), last_ + 1);
    return true;
  }
  bool add_number(Json value) {
    place(std::move(value), last_);
    return true;
  }
  bool open(Json container) {
    std::string pointer = next_pointer();
    Json& placed = place(std::move(container), last_ + 1);
    frames_.push_back({&placed, std::move(pointer), ""});
    return true;
  }
  bool close() {
    next_token(last_ + 1);
    frames_.pop_back();
    return true;
  }

  Document& document_;
  std::vector<Problem>& problems_;
  const char* counted_;  // what is before this is in position_
  const char* end_;      // of the token before
  const char* last_;     // the character given out last
  Position position_{1, 1};
  Json root_;
  std::vector<Frame> frames_;
};

}  // namespace

Position Document::position_of(std::string pointer) const {
  for (;;) {
    if (const auto it = values.find(pointer); it != values.end()) return it->second;
    if (pointer.empty()) return {1, 1};
    pointer.erase(pointer.rfind('/'));
  }
}

Position Document::key_position_of(const std::string& pointer) const {
  const auto it = keys.find(pointer);
  return it != keys.end() ? it->second : position_of(pointer);
}

std::string pointer_token(std::string_view key) {
  std::string out;
  for (const char c : key) {
    if (c == '~')
      out += "~0";
    else if (c == '/')
      out += "~1";
    else
      out += c;
  }
  return out;
}

std::optional<Document> parse_document(std::string file, std::string_view text,
                                       std::vector<Problem>& problems) {
  Document document;
  document.file = std::move(file);
  Builder builder(document, text, problems);
  const TrackedChars first(text.data(), builder.last());
  const TrackedChars last(text.data() + text.size(), builder.last());
  if (!Json::sax_parse(first, last, &builder)) return std::nullopt;
  document.root = std::make_shared<const Json>(builder.take_root());
  return document;
}

}  // namespace testkit
