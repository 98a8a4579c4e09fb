// SPDX-License-Identifier: BSD-3-Clause
//
// Typed reading of a JSON document. A Value is one value with its pointer, an
// Object one object that remembers the keys it was asked for: those that nobody
// asked for are the unknown ones. A reader that finds something else than it
// wants notes a problem and gives a neutral value, so that one pass over a file
// finds all of its problems.
#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "scenario/document.hpp"

namespace testkit {

// Where the readers note what they find. Borrows the document.
class Problems {
 public:
  explicit Problems(const Document& document) : document_(document) {}

  void add(const std::string& pointer, std::string message);      // about a value
  void add_key(const std::string& pointer, std::string message);  // about a member's key
  const std::vector<Problem>& list() const { return list_; }

 private:
  void add_at(Position at, const std::string& pointer, std::string message);

  const Document& document_;
  std::vector<Problem> list_;  // no two equal: cells of a matrix repeat each other
};

class Object;

class Value {
 public:
  Value(const Json& json, std::string pointer, Problems& problems)
      : json_(&json), pointer_(std::move(pointer)), problems_(&problems) {}

  const std::string& pointer() const { return pointer_; }
  const Json& json() const { return *json_; }
  void problem(std::string message) const { problems_->add(pointer_, std::move(message)); }
  // "expected WHAT, got "the value""
  void expected(std::string_view what) const;

  bool is_string() const;
  bool is_number() const;
  bool is_bool() const;
  bool is_object() const;
  bool is_array() const;

  std::string string(std::string_view what) const;
  bool boolean() const;
  uint64_t number(uint64_t min, uint64_t max) const;
  uint64_t size() const;                      // 65536 or "64K"
  std::chrono::nanoseconds duration() const;  // "5s", "100ms"; a number is seconds
  // A string, number or truth value as the text that a command line takes.
  std::string scalar() const;
  // The index of the word in `words`.
  size_t one_of(const std::vector<std::string>& words) const;

  std::vector<Value> array(std::string_view what) const;
  // The elements of an array, or the value itself as the only one.
  std::vector<Value> array_or_one() const;
  std::vector<std::string> strings(std::string_view what) const;         // an array
  std::vector<std::string> strings_or_one(std::string_view what) const;  // or one string
  Object object(std::string_view what) const;

 private:
  friend class Object;
  const Json* json_;
  std::string pointer_;
  Problems* problems_;
};

class Object {
 public:
  // `value` that is not an object counts as an empty one, with a problem noted.
  Object(const Value& value, std::string_view what);
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  // Notes the keys that were never asked for.
  ~Object();

  const Value& value() const { return value_; }
  std::optional<Value> get(const std::string& key);
  // The same; a missing key is a problem.
  std::optional<Value> need(const std::string& key, std::string_view what);
  // All members, for an object whose keys are free.
  std::vector<std::pair<std::string, Value>> members();
  // Keys that are read elsewhere.
  void ignore(std::initializer_list<const char*> keys);
  // The one of `keys` that is there; several or none are a problem.
  std::optional<std::string> exactly_one_of(const std::vector<std::string>& keys);

 private:
  Value value_;
  bool valid_;
  bool free_ = false;
  std::vector<std::string> asked_;
};

}  // namespace testkit
