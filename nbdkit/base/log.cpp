// SPDX-License-Identifier: BSD-3-Clause
#include "base/log.hpp"

#include <syslog.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <utility>

namespace nbd::log {

namespace {

std::string& program() {
  static std::string name = "nbd";
  return name;
}
std::atomic<bool> g_verbose{false};
std::atomic<Sink> g_sink{Sink::stderr_fd};
int g_file = -1;
thread_local const std::string* t_scope = nullptr;
thread_local unsigned t_errors = 0;

std::string_view scope() { return t_scope != nullptr ? std::string_view(*t_scope) : ""; }

// With a scope, a client may have had a part in the text.
std::string printable(std::string_view text) {
  const bool one_line = !scope().empty();
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if ((u >= 0x20 && u != 0x7f) || (!one_line && (c == '\n' || c == '\t'))) {
      out += c;
    } else if (c == '\n') {
      out += "\\n";
    } else {
      out += fmt::format("\\x{:02x}", u);
    }
  }
  return out;
}

void write_line(int fd, std::string_view kind, std::string_view text) noexcept {
  const int saved = errno;  // %m and callers' errno survive a message
  try {
    fmt::memory_buffer line;
    auto out = fmt::appender(line);
    fmt::format_to(out, "{}: ", program());
    if (!scope().empty()) fmt::format_to(out, "{}: ", scope());
    fmt::format_to(out, "{}: {}\n", kind, printable(text));
    [[maybe_unused]] const auto n = ::write(fd, line.data(), line.size());
  } catch (...) {
    // out of memory while reporting: nothing better to do than to go on
  }
  errno = saved;
}

void write_syslog(int priority, std::string_view kind, std::string_view text) noexcept {
  const int saved = errno;
  try {
    ::syslog(priority, "%.*s%s%.*s: %s", static_cast<int>(scope().size()), scope().data(),
             scope().empty() ? "" : ": ", static_cast<int>(kind.size()), kind.data(),
             printable(text).c_str());
  } catch (...) {  // likewise
  }
  errno = saved;
}

void send(int priority, std::string_view kind, std::string_view text) noexcept {
  switch (g_sink.load(std::memory_order_relaxed)) {
    case Sink::stderr_fd: write_line(STDERR_FILENO, kind, text); break;
    case Sink::syslog: write_syslog(priority, kind, text); break;
    case Sink::file: write_line(g_file, kind, text); break;
    case Sink::null: break;
  }
}

}  // namespace

void set_program(std::string name) { program() = std::move(name); }
void set_verbose(bool v) noexcept { g_verbose.store(v, std::memory_order_relaxed); }
bool verbose() noexcept { return g_verbose.load(std::memory_order_relaxed); }

void set_error_sink(Sink sink) {
  if (sink == Sink::syslog) ::openlog(program().c_str(), LOG_PID, LOG_DAEMON);
  g_sink.store(sink);
}

void set_error_file(int fd) {
  g_file = fd;
  set_error_sink(Sink::file);
}

Scope::Scope(const std::string& name) noexcept : saved_(std::exchange(t_scope, &name)) {}
Scope::~Scope() { t_scope = saved_; }

unsigned errors_so_far() noexcept { return t_errors; }

void error(std::string_view text) noexcept {
  ++t_errors;
  send(LOG_ERR, "error", text);
}

void warning(std::string_view text) noexcept { send(LOG_WARNING, "warning", text); }

void debug(std::string_view text) noexcept {
  if (verbose()) write_line(STDERR_FILENO, "debug", text);
}

}  // namespace nbd::log
