// SPDX-License-Identifier: BSD-3-Clause
#include "server/background.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/log.hpp"

namespace nbdkit {

Background Background::enter() {
  int ends[2];
  nbd::sys([&] { return ::pipe2(ends, O_CLOEXEC); }, "pipe");
  nbd::Fd read_end(ends[0]), write_end(ends[1]);
  const pid_t pid = nbd::sys([] { return ::fork(); }, "fork");
  if (pid > 0) {
    write_end.reset();
    char ok = 0;
    const auto n = nbd::retry_eintr([&] { return ::read(read_end.get(), &ok, 1); });
    // Nothing of ours is to be undone here. If it failed, it is about to say why, and
    // whoever started us shall find that when we are gone.
    if (n != 1) ::waitpid(pid, nullptr, 0);
    ::_exit(n == 1 ? 0 : 1);
  }
  ::setsid();
  nbd::sys([] { return ::chdir("/"); }, "chdir /");
  nbd::log::debug("forked into background (new pid = {})", ::getpid());
  Background child;
  child.tell_parent_ = std::move(write_end);
  return child;
}

void Background::ready(bool keep_stderr) {
  if (!tell_parent_) return;
  nbd::log::set_error_sink(nbd::log::Sink::syslog);
  if (!keep_stderr) point_at_null(STDERR_FILENO);
  [[maybe_unused]] const auto n = ::write(tell_parent_.get(), "", 1);
  tell_parent_.reset();
}

void point_at_null(int standard_fd) {
  const nbd::Fd null(
      nbd::sys([] { return ::open("/dev/null", O_RDWR | O_CLOEXEC); }, "open /dev/null"));
  nbd::sys([&] { return ::dup2(null.get(), standard_fd); }, "dup2");
}

void write_pid_file(const std::string& path) {
  const nbd::Fd file(
      nbd::sys([&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644); },
               "cannot write the PID file {}", path));
  const std::string text = fmt::format("{}\n", ::getpid());
  nbd::sys([&] { return ::write(file.get(), text.data(), text.size()); },
           "cannot write the PID file {}", path);
}

}  // namespace nbdkit
