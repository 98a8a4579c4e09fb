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
thread_local const std::string* t_scope = nullptr;
thread_local unsigned t_errors = 0;

std::string_view scope() { return t_scope != nullptr ? std::string_view(*t_scope) : ""; }

void write_line(std::string_view kind, std::string_view text) noexcept {
  const int saved = errno;  // %m and callers' errno survive a message
  try {
    fmt::memory_buffer line;
    auto out = fmt::appender(line);
    fmt::format_to(out, "{}: ", program());
    if (!scope().empty()) fmt::format_to(out, "{}: ", scope());
    fmt::format_to(out, "{}: {}\n", kind, text);
    [[maybe_unused]] const auto n = ::write(STDERR_FILENO, line.data(), line.size());
  } catch (...) {
    // out of memory while reporting: nothing better to do than to go on
  }
  errno = saved;
}

void send(int priority, std::string_view kind, std::string_view text) noexcept {
  switch (g_sink.load(std::memory_order_relaxed)) {
    case Sink::stderr_fd: write_line(kind, text); break;
    case Sink::syslog:
      ::syslog(priority, "%.*s%s%.*s: %.*s", static_cast<int>(scope().size()), scope().data(),
               scope().empty() ? "" : ": ", static_cast<int>(kind.size()), kind.data(),
               static_cast<int>(text.size()), text.data());
      break;
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

Scope::Scope(const std::string& name) noexcept : saved_(std::exchange(t_scope, &name)) {}
Scope::~Scope() { t_scope = saved_; }

unsigned errors_so_far() noexcept { return t_errors; }

void error(std::string_view text) noexcept {
  ++t_errors;
  send(LOG_ERR, "error", text);
}

void warning(std::string_view text) noexcept { send(LOG_WARNING, "warning", text); }

void debug(std::string_view text) noexcept {
  if (verbose()) write_line("debug", text);
}

}  // namespace nbd::log
