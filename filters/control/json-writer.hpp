// SPDX-License-Identifier: BSD-3-Clause
//
// JSON that we write: one object or array, on one line, in the order in which it
// was filled. (What we read is another matter, see hub.cpp.)
//
//   JsonObject answer;
//   answer.set("ok", true).set("rate", 1.5).set("rules", JsonArray().add("read"));
//   answer.text();   // {"ok":true,"rate":1.5,"rules":["read"]}
#pragma once

#include <charconv>
#include <cmath>
#include <concepts>
#include <string>
#include <string_view>

namespace nbd::filters {

// In quotes. Text that is not UTF-8 (an export's name may be anything) is taken for
// Latin-1, so that a line is always valid JSON.
std::string json_string(std::string_view text);

template <class T>
concept JsonPart = requires(const T& part) {
  { part.text() } -> std::convertible_to<std::string>;
};

inline std::string json_value(std::string_view text) { return json_string(text); }
inline std::string json_value(const char* text) { return json_string(text); }
inline std::string json_value(const std::string& text) { return json_string(text); }
inline std::string json_value(std::same_as<bool> auto value) { return value ? "true" : "false"; }
inline std::string json_value(std::integral auto value)
  requires(!std::same_as<decltype(value), bool>)
{
  return std::to_string(value);
}
inline std::string json_value(double value) {
  if (!std::isfinite(value)) return "null";
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return {digits, end};
}
inline std::string json_value(const JsonPart auto& part) { return part.text(); }

class JsonObject {
 public:
  template <class T>
  JsonObject& set(std::string_view name, const T& value) {
    return raw(name, json_value(value));
  }
  // value: JSON already.
  JsonObject& raw(std::string_view name, std::string_view value) {
    if (!inner_.empty()) inner_ += ',';
    ((inner_ += json_string(name)) += ':') += value;
    return *this;
  }
  // All that the other has, behind what is here.
  JsonObject& append(const JsonObject& other) {
    if (!inner_.empty() && !other.inner_.empty()) inner_ += ',';
    inner_ += other.inner_;
    return *this;
  }
  std::string text() const { return '{' + inner_ + '}'; }

 private:
  std::string inner_;
};

class JsonArray {
 public:
  template <class T>
  JsonArray& add(const T& value) {
    if (!inner_.empty()) inner_ += ',';
    inner_ += json_value(value);
    return *this;
  }
  bool empty() const { return inner_.empty(); }
  std::string text() const { return '[' + inner_ + ']'; }

 private:
  std::string inner_;
};

}  // namespace nbd::filters
