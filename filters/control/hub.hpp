// SPDX-License-Identifier: BSD-3-Clause
//
// What the filters of one stack share of their control socket: who is there, which
// commands each has, and the socket. See control.hpp for the view of a filter.
//
// Threads: all but answer() before the socket is open or after it is closed;
// answer() in any.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "control/control.hpp"
#include "control/socket.hpp"

namespace nbd::filters {

class Hub {
 public:
  // owner: stands for the filter, which may be in the stack more than once.
  void add_filter(const void* owner, std::string name);
  void remove_filter(const void* owner);
  void add_command(const void* owner, Command command);

  // Throws an Error if there is one already.
  void set_path(std::string path);
  bool has_path() const { return !path_.empty(); }
  void open();
  void close() noexcept { socket_.reset(); }

  // "error-2" for the second of that name from the top of the stack.
  std::string name_of(const void* owner) const;

  // The answer to one line, without the newline. Never throws what a line can cause.
  std::string answer(std::string_view line) const;

 private:
  struct Filter {
    const void* owner;
    std::string name;
    std::vector<Command> commands;
  };
  struct Question;

  std::string name_of(const Filter& filter) const;
  JsonObject answer_one(const Filter& filter, const Question& question) const;
  JsonObject answer_all(const Question& question) const;
  JsonObject answer_question(const Question& question) const;
  JsonObject help() const;
  const Filter& find(const std::string& name) const;
  std::vector<std::string> command_names() const;

  std::vector<Filter> filters_;  // as they were made: the lowest of the stack first
  std::string path_;
  std::unique_ptr<ControlSocket> socket_;
};

}  // namespace nbd::filters
