// SPDX-License-Identifier: BSD-3-Clause
#include "service.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "base/error.hpp"
#include "base/log.hpp"
#include "notify.hpp"

namespace nbdfuse {

namespace {

// REQUIRES: result and done_fd outlive it.
Detached flush_and_tell(Disk& disk, Status& result, int done_fd) {
  result = co_await disk.flush();
  (void)::eventfd_write(done_fd, 1);
}

}  // namespace

Service::Service(std::function<void()> tell_stats) : tell_stats_(std::move(tell_stats)) {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1}) ::sigaddset(&set, signal);
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signals_.reset(nbd::sys([&] { return ::signalfd(-1, &set, SFD_CLOEXEC); }, "signalfd"));
  ::signal(SIGPIPE, SIG_IGN);
}

int Service::serve(Mount& mount, const Files& files) {
  wait(mount.ended_fd(), mount);
  notify_supervisor("STOPPING=1");
  int result = 0;
  for (const auto& file : files) {
    if (!file->dirty()) continue;
    const Status flushed = flush(mount, file->disk());
    if (flushed.ok()) continue;
    nbd::log::error("{}: what was written last may be lost: the server did not flush: {}",
                    file->name(), nbd::errno_text(flushed.errnum()));
    result = 1;
  }
  // It is about to end, as the mount has; and the mount is not ours.
  if (unmounter_.joinable()) unmounter_.join();
  return result;
}

Status Service::flush(Mount& mount, Disk& disk) {
  const nbd::Fd done(nbd::sys([] { return ::eventfd(0, EFD_CLOEXEC); }, "eventfd"));
  Status result;
  flush_and_tell(disk, result, done.get());
  wait(done.get(), mount);
  return result;
}

// Until the eventfd was written to.
void Service::wait(int event_fd, Mount& mount) {
  for (;;) {
    pollfd fds[] = {{event_fd, POLLIN, 0}, {signals_.get(), POLLIN, 0}};
    nbd::sys([&] { return ::poll(fds, 2, -1); }, "poll");
    if (fds[0].revents != 0) {
      // Read, not only seen: that orders what was done before the event before us.
      eventfd_t ignored;
      (void)::eventfd_read(event_fd, &ignored);
      return;
    }
    if (fds[1].revents != 0) take_signal(mount);
  }
}

void Service::take_signal(Mount& mount) {
  signalfd_siginfo info;
  if (::read(signals_.get(), &info, sizeof info) != sizeof info) return;
  nbd::log::debug("signal {}", info.ssi_signo);
  if (info.ssi_signo == SIGUSR1) return tell_stats_();
  if (std::exchange(unmounting_, true)) {
    nbd::log::error("interrupted again: ending with requests in flight");
    mount.detach();
    // Not exit: threads are at work on what a destructor would take away.
    ::_exit(1);
  }
  unmounter_ = std::jthread([&mount] { mount.unmount(); });
}

}  // namespace nbdfuse
