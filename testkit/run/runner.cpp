// SPDX-License-Identifier: BSD-3-Clause
//
// Threads: the workers take the next job by an atomic counter; results meet
// under one lock. Everything else a worker touches is its own cell's.
#include "run/runner.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include <algorithm>
#include <atomic>
#include <mutex>

#include "base/error.hpp"

namespace testkit {

namespace {

sigset_t ending_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int s : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&set, s);
  return set;
}

}  // namespace

void run_jobs(const std::vector<Job>& jobs, unsigned workers, const RunOptions& options,
              const Interrupt& interrupt, const std::function<void(size_t, CellResult)>& done,
              const std::function<void(size_t)>& begin) {
  std::atomic<size_t> next = 0;
  std::mutex done_mutex;
  const auto work = [&] {
    for (size_t i = next++; i < jobs.size(); i = next++) {
      if (begin) begin(i);
      CellResult result = run_cell(*jobs[i].file, *jobs[i].cell, options, interrupt);
      const std::lock_guard lock(done_mutex);
      done(i, std::move(result));
    }
  };
  const size_t count = std::clamp<size_t>(workers, 1, std::max<size_t>(jobs.size(), 1));
  std::vector<std::jthread> threads;
  for (size_t i = 0; i < count; ++i) threads.emplace_back(work);
}

SignalWatch::SignalWatch(Interrupt& interrupt) : interrupt_(interrupt) {
  const sigset_t set = ending_signals();
  if (const int e = ::pthread_sigmask(SIG_BLOCK, &set, nullptr))
    nbd::fail_errno(e, "pthread_sigmask");
  signals_ = nbd::Fd(nbd::sys([&] { return ::signalfd(-1, &set, SFD_CLOEXEC); }, "signalfd"));
  stop_ = nbd::Fd(nbd::sys([] { return ::eventfd(0, EFD_CLOEXEC); }, "eventfd"));
  thread_ = std::jthread([this] { watch(); });
}

SignalWatch::~SignalWatch() {
  const uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(stop_.get(), &one, sizeof one);
  thread_.join();
  const sigset_t set = ending_signals();
  ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
}

void SignalWatch::watch() noexcept {
  for (;;) {
    pollfd fds[]{{signals_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}};
    if (nbd::retry_eintr([&] { return ::poll(fds, 2, -1); }) < 0 || fds[1].revents != 0) return;
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof info) == sizeof info) {
      interrupt_.request(static_cast<int>(info.ssi_signo));
    }
  }
}

}  // namespace testkit
