// SPDX-License-Identifier: BSD-3-Clause
#include "scenario/cursor.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "base/parse.hpp"

namespace testkit {

namespace {

// The value in a message: short ones as they are.
std::string show(const Json& json) {
  if (json.is_object()) return json.empty() ? "an empty object" : "an object";
  if (json.is_array()) return json.empty() ? "an empty array" : "an array";
  std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  constexpr size_t kLongest = 60;
  if (text.size() > kLongest) text = text.substr(0, kLongest) + "...\"";
  return text;
}

std::string quoted_list(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += ", ";
    out += "\"" + word + "\"";
  }
  return out;
}

}  // namespace

void Problems::add(const std::string& pointer, std::string message) {
  add_at(document_.position_of(pointer), pointer, std::move(message));
}

void Problems::add_key(const std::string& pointer, std::string message) {
  add_at(document_.key_position_of(pointer), pointer, std::move(message));
}

void Problems::add_at(Position at, const std::string& pointer, std::string message) {
  Problem problem{document_.file, at, pointer, std::move(message)};
  if (std::find(list_.begin(), list_.end(), problem) == list_.end()) {
    list_.push_back(std::move(problem));
  }
}

void Value::expected(std::string_view what) const {
  problem(fmt::format("expected {}, got {}", what, show(*json_)));
}

bool Value::is_string() const { return json_->is_string(); }
bool Value::is_number() const { return json_->is_number(); }
bool Value::is_bool() const { return json_->is_boolean(); }
bool Value::is_object() const { return json_->is_object(); }
bool Value::is_array() const { return json_->is_array(); }

std::string Value::string(std::string_view what) const {
  if (json_->is_string()) return json_->get<std::string>();
  expected(what);
  return "";
}

bool Value::boolean() const {
  if (json_->is_boolean()) return json_->get<bool>();
  expected("true or false");
  return false;
}

uint64_t Value::number(uint64_t min, uint64_t max) const {
  if (json_->is_number_unsigned()) {
    const auto n = json_->get<uint64_t>();
    if (n >= min && n <= max) return n;
  }
  expected(max == UINT64_MAX ? fmt::format("a whole number from {} on", min)
                             : fmt::format("a whole number from {} to {}", min, max));
  return min;
}

uint64_t Value::size() const {
  if (json_->is_number_unsigned()) return json_->get<uint64_t>();
  if (json_->is_string()) {
    try {
      return nbd::parse_size("size", json_->get<std::string>());
    } catch (const nbd::Error&) {
      // said below, with what is expected
    }
  }
  expected("a number of bytes, or a size such as \"64K\" or \"1M\"");
  return 0;
}

std::chrono::nanoseconds Value::duration() const {
  if (json_->is_string() || json_->is_number()) {
    try {
      return nbd::parse_delay("time",
                              json_->is_string() ? json_->get<std::string>() : json_->dump());
    } catch (const nbd::Error&) {
      // said below, with what is expected
    }
  }
  expected("a time such as \"5s\" or \"100ms\", or a number of seconds");
  return std::chrono::seconds(1);
}

std::string Value::scalar() const {
  if (json_->is_string()) return json_->get<std::string>();
  if (json_->is_number() || json_->is_boolean()) return json_->dump();
  expected("a string, a number, true or false");
  return "";
}

size_t Value::one_of(const std::vector<std::string>& words) const {
  const std::string word = json_->is_string() ? json_->get<std::string>() : "";
  const auto it = std::find(words.begin(), words.end(), word);
  if (it != words.end()) return static_cast<size_t>(it - words.begin());
  problem(fmt::format("expected one of {}, got {}{}", quoted_list(words), show(*json_),
                      did_you_mean(word, words)));
  return 0;
}

std::vector<Value> Value::array(std::string_view what) const {
  if (json_->is_array()) return array_or_one();
  expected(what);
  return {};
}

std::vector<Value> Value::array_or_one() const {
  if (!json_->is_array()) return {*this};
  std::vector<Value> out;
  for (size_t i = 0; i < json_->size(); ++i) {
    out.emplace_back((*json_)[i], fmt::format("{}/{}", pointer_, i), *problems_);
  }
  return out;
}

std::vector<std::string> Value::strings(std::string_view what) const {
  std::vector<std::string> out;
  for (const Value& v : array(what)) out.push_back(v.string("a string"));
  return out;
}

std::vector<std::string> Value::strings_or_one(std::string_view what) const {
  std::vector<std::string> out;
  for (const Value& v : array_or_one()) out.push_back(v.string(what));
  return out;
}

Object Value::object(std::string_view what) const { return Object(*this, what); }

Object::Object(const Value& value, std::string_view what)
    : value_(value), valid_(value.json_->is_object()) {
  if (!valid_) value.expected(what);
}

Object::~Object() {
  if (!valid_ || free_) return;
  for (const auto& [key, unused] : value_.json_->items()) {
    if (std::find(asked_.begin(), asked_.end(), key) != asked_.end()) continue;
    const std::string meant = did_you_mean(key, asked_);
    value_.problems_->add_key(
        value_.pointer_ + "/" + pointer_token(key),
        fmt::format("unknown key \"{}\"{}", key,
                    meant.empty() ? ", expected one of " + quoted_list(asked_) : meant));
  }
}

std::optional<Value> Object::get(const std::string& key) {
  asked_.push_back(key);
  if (!valid_) return std::nullopt;
  const auto it = value_.json_->find(key);
  if (it == value_.json_->end()) return std::nullopt;
  return Value(*it, value_.pointer_ + "/" + pointer_token(key), *value_.problems_);
}

std::optional<Value> Object::need(const std::string& key, std::string_view what) {
  std::optional<Value> found = get(key);
  if (!found && valid_) value_.problem(fmt::format("key \"{}\" is missing: {}", key, what));
  return found;
}

std::vector<std::pair<std::string, Value>> Object::members() {
  free_ = true;
  std::vector<std::pair<std::string, Value>> out;
  if (!valid_) return out;
  for (const auto& [key, json] : value_.json_->items()) {
    out.emplace_back(key,
                     Value(json, value_.pointer_ + "/" + pointer_token(key), *value_.problems_));
  }
  return out;
}

void Object::ignore(std::initializer_list<const char*> keys) {
  asked_.insert(asked_.end(), keys.begin(), keys.end());
}

std::optional<std::string> Object::exactly_one_of(const std::vector<std::string>& keys) {
  asked_.insert(asked_.end(), keys.begin(), keys.end());
  if (!valid_) return std::nullopt;
  std::vector<std::string> found;
  for (const std::string& key : keys) {
    if (value_.json_->contains(key)) found.push_back(key);
  }
  if (found.size() == 1) return found[0];
  // A misspelt key is told as unknown; "none given" on top would be noise.
  const bool all_known =
      std::all_of(value_.json_->items().begin(), value_.json_->items().end(),
                  [&](const auto& item) { return did_you_mean(item.key(), keys).empty(); });
  if (found.size() > 1) {
    value_.problem(
        fmt::format("expected only one of {}, got {}", quoted_list(keys), quoted_list(found)));
  } else if (all_known) {
    value_.problem(fmt::format("expected one of the keys {}", quoted_list(keys)));
  }
  return std::nullopt;
}

}  // namespace testkit
