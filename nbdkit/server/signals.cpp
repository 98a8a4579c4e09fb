// SPDX-License-Identifier: BSD-3-Clause
#include "server/signals.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "base/error.hpp"
#include "layers/context.hpp"
#include "server/leftovers.hpp"

namespace nbdkit {

namespace {

// How long a start-up callback has to return once a signal has come.
constexpr unsigned kPatience = 5;

constexpr int kEnding[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};

volatile sig_atomic_t g_starting = 0;
volatile sig_atomic_t g_came = 0;
volatile sig_atomic_t g_pass_to = 0;
int g_event = -1;

void handle(int signal, void (*handler)(int)) {
  struct sigaction action{};
  action.sa_flags = SA_RESTART;
  action.sa_handler = handler;
  ::sigaction(signal, &action, nullptr);
}

[[noreturn]] void end_at_once(int signal) {
  remove_leftovers();
  handle(signal, SIG_DFL);
  sigset_t just_this;
  ::sigemptyset(&just_this);
  ::sigaddset(&just_this, signal);
  ::raise(signal);
  ::sigprocmask(SIG_UNBLOCK, &just_this, nullptr);
  ::_exit(1);
}

void on_patience_lost(int) { end_at_once(SIGTERM); }

void on_signal(int signal) {
  const int saved = errno;
  if (g_starting != 0 && g_came != 0) end_at_once(signal);
  g_came = 1;
  server().request_quit();
  const uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(g_event, &one, sizeof one);
  if (g_starting != 0) {
    handle(SIGALRM, on_patience_lost);
    ::alarm(kPatience);
  }
  errno = saved;
}

sigset_t ending_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : kEnding) ::sigaddset(&set, signal);
  return set;
}

void on_signal_in_parent(int signal) { ::kill(g_pass_to, signal); }

}  // namespace

void set_up_signals() {
  g_event = nbd::sys([] { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }, "eventfd");
  g_starting = 1;
  handle(SIGPIPE, SIG_IGN);
  handle(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of the request
  for (const int signal : kEnding) handle(signal, on_signal);
  // Whoever started us may have blocked them.
  const sigset_t set = ending_signals();
  ::sigprocmask(SIG_UNBLOCK, &set, nullptr);
}

EndingSignalsBlocked::EndingSignalsBlocked() noexcept {
  const sigset_t set = ending_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, &before_);
}
EndingSignalsBlocked::~EndingSignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

void start_up_is_over(bool leave_keyboard) {
  g_starting = 0;
  ::alarm(0);
  if (!leave_keyboard) return;
  handle(SIGINT, SIG_IGN);
  handle(SIGQUIT, SIG_IGN);
}

void pass_signals_to(pid_t server_process) {
  g_pass_to = server_process;
  for (const int signal : kEnding) handle(signal, on_signal_in_parent);
}

bool signal_came() noexcept { return g_came != 0; }
int signal_event() noexcept { return g_event; }

void end_with_parent(pid_t parent) {
  nbd::sys([] { return ::prctl(PR_SET_PDEATHSIG, SIGTERM); }, "--exit-with-parent: prctl");
  if (::getppid() != parent) ::raise(SIGTERM);  // it ended before we asked
}

}  // namespace nbdkit
