// SPDX-License-Identifier: BSD-3-Clause
#include "server/background.hpp"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "server/signals.hpp"
#include "server/standard-streams.hpp"

namespace nbdkit {

Background Background::enter() {
  int ends[2];
  nbd::sys([&] { return ::pipe2(ends, O_CLOEXEC); }, "pipe");
  nbd::Fd read_end(ends[0]), write_end(ends[1]);
  const pid_t pid = nbd::sys([] { return ::fork(); }, "fork");
  if (pid > 0) {
    pass_signals_to(pid);
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

void Background::ready(const Options& options) {
  if (!tell_parent_) return;
  if (options.log == LogTo::by_default) nbd::log::set_error_sink(nbd::log::Sink::syslog);
  const bool writes_to_stderr = options.verbose || options.log == LogTo::stderr_fd;
  if (!writes_to_stderr) point_at_null(STDERR_FILENO);
  [[maybe_unused]] const auto n = ::write(tell_parent_.get(), "", 1);
  tell_parent_.reset();
}

}  // namespace nbdkit
