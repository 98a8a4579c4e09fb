// SPDX-License-Identifier: BSD-3-Clause
//
// Messages for people: "PROGRAM: NAME[INSTANCE]: error: text" on stderr or, for
// errors, wherever the program sends them. One write(2) per message, so lines
// of several threads do not mix.
//
// Control characters are shown as \xNN, so that nothing which came from outside
// can write to a terminal or forge a line. Only a message without a Scope, which
// no client has had a part in, may have several lines.
//
// Threads: all functions may be called in any thread; the configuration
// functions only while there is one.
#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace nbd::log {

enum class Sink { stderr_fd, syslog, null, file };

// Set once at the start of main. program is what stands before each message.
void set_program(std::string program);
void set_verbose(bool verbose) noexcept;
bool verbose() noexcept;
void set_error_sink(Sink sink);
// Errors go to the end of this file, open for appending; borrowed for ever.
void set_error_file(int fd);

// What stands between the program and "error:" in this thread ("memory[1]").
// The name is borrowed for the life of the Scope; a worker sets it per request.
class Scope {
 public:
  explicit Scope(const std::string& name) noexcept;
  explicit Scope(std::string&&) = delete;
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  const std::string* saved_;
};

void error(std::string_view text) noexcept;
void warning(std::string_view text) noexcept;  // where errors go, but is none
void debug(std::string_view text) noexcept;    // only if verbose

// How many errors this thread has logged: tells whether a call that failed has
// said why.
unsigned errors_so_far() noexcept;

template <class... Args>
  requires(sizeof...(Args) > 0)
void error(fmt::format_string<Args...> format, Args&&... args) {
  error(std::string_view(fmt::format(format, std::forward<Args>(args)...)));
}

template <class... Args>
  requires(sizeof...(Args) > 0)
void warning(fmt::format_string<Args...> format, Args&&... args) {
  warning(std::string_view(fmt::format(format, std::forward<Args>(args)...)));
}

template <class... Args>
  requires(sizeof...(Args) > 0)
void debug(fmt::format_string<Args...> format, Args&&... args) {
  if (verbose()) debug(std::string_view(fmt::format(format, std::forward<Args>(args)...)));
}

}  // namespace nbd::log
