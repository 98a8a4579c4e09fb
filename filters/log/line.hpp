// SPDX-License-Identifier: BSD-3-Clause
//
// One line of the log: an action and its fields, as text, as variables and as JSON.
#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "control/json-writer.hpp"

namespace nbd::filters {

class Line {
 public:
  struct Field {
    const char* name;
    std::string shown, value;
    enum class Kind { text, number, flag } kind = Kind::text;
    uint64_t number = 0;  // if it is one

    std::string json() const {
      switch (kind) {
        case Kind::text: return json_value(value);
        case Kind::number: return json_value(number);
        case Kind::flag: return json_value(number != 0);
      }
      return "null";
    }
  };

  // id: 0 for what has no end of its own.
  explicit Line(const char* action, uint64_t id = 0) : action_(action), id_(id) {}

  // number: among those that have opened a disk. client: among those that have
  // connected, which is what JSON has.
  Line& connection(uint64_t number, uint64_t client) {
    connection_ = number;
    client_ = client;
    return *this;
  }
  Line& number(const char* name, uint64_t value) {
    return add({name, std::to_string(value), std::to_string(value), Field::Kind::number, value});
  }
  Line& hex(const char* name, uint64_t value) {
    return add({name, in_hex(value), in_hex(value), Field::Kind::number, value});
  }
  Line& flag(const char* name, bool value) {
    const char* shown = value ? "1" : "0";
    return add({name, shown, shown, Field::Kind::flag, value ? uint64_t{1} : 0});
  }
  // Shown as a shell has it.
  Line& text(const char* name, std::string_view value) {
    return add({.name = name, .shown = quoted(value), .value = std::string(value)});
  }
  Line& raw(const char* name, const std::string& value) {
    return add({.name = name, .shown = value, .value = value});
  }
  // The fields go, the action stays.
  Line& clear() {
    fields_.clear();
    return *this;
  }

  const char* action() const { return action_; }
  uint64_t id() const { return id_; }
  uint64_t connection() const { return connection_; }  // 0: none
  uint64_t client() const { return client_; }
  const std::vector<Field>& fields() const { return fields_; }

  static std::string in_hex(uint64_t value) {
    char out[24];
    std::snprintf(out, sizeof out, "0x%" PRIx64, value);
    return out;
  }
  // In double quotes; a line stays a line.
  static std::string quoted(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
      if (c == '"' || c == '\\' || c == '$' || c == '`') {
        (out += '\\') += c;
      } else if (static_cast<unsigned char>(c) < 32 || c == 127) {
        char escaped[8];
        std::snprintf(escaped, sizeof escaped, "\\x%02x", static_cast<unsigned char>(c));
        out += escaped;
      } else {
        out += c;
      }
    }
    return out + "\"";
  }

 private:
  Line& add(Field field) {
    fields_.push_back(std::move(field));
    return *this;
  }

  const char* action_;
  uint64_t id_;
  uint64_t connection_ = 0, client_ = 0;
  std::vector<Field> fields_;
};

}  // namespace nbd::filters
