// SPDX-License-Identifier: BSD-3-Clause
//
// One line of the log: an action and its fields, as text and as variables.
#pragma once

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nbd::filters {

class Line {
 public:
  // id: 0 for what has no end of its own.
  explicit Line(const char* action, uint64_t id = 0) : action_(action), id_(id) {}

  Line& connection(uint64_t number) {
    connection_ = number;
    return *this;
  }
  Line& number(const char* name, uint64_t value) { return raw(name, std::to_string(value)); }
  Line& hex(const char* name, uint64_t value) { return raw(name, in_hex(value)); }
  // Shown as a shell has it.
  Line& text(const char* name, std::string_view value) {
    fields_.push_back({name, quoted(value), std::string(value)});
    return *this;
  }
  Line& raw(const char* name, const std::string& value) {
    fields_.push_back({name, value, value});
    return *this;
  }
  // The fields go, the action stays.
  Line& clear() {
    fields_.clear();
    return *this;
  }

  struct Field {
    const char* name;
    std::string shown, value;
  };
  const char* action() const { return action_; }
  uint64_t id() const { return id_; }
  uint64_t connection() const { return connection_; }  // 0: none
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
  const char* action_;
  uint64_t id_;
  uint64_t connection_ = 0;
  std::vector<Field> fields_;
};

}  // namespace nbd::filters
