// SPDX-License-Identifier: BSD-3-Clause
//
// The signals that end the server. The handlers only set flags and write to
// eventfds, which everybody can poll.
//
// While the server starts, a plugin may be in a callback that does not know of
// the end: a first signal asks it to finish and gives it some seconds, a second
// one ends the process on the spot. Once it serves, further signals change
// nothing, as the end takes a bounded time anyway.
#pragma once

#include <signal.h>
#include <sys/types.h>

namespace nbdkit {

// SIGHUP, SIGINT, SIGQUIT and SIGTERM; SIGPIPE and SIGXFSZ are ignored.
void set_up_signals();

// In its scope this thread leaves them to others.
class EndingSignalsBlocked {
 public:
  EndingSignalsBlocked() noexcept;
  ~EndingSignalsBlocked();
  EndingSignalsBlocked(const EndingSignalsBlocked&) = delete;
  EndingSignalsBlocked& operator=(const EndingSignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

// From here on a second signal is no different. leave_keyboard: SIGINT and
// SIGQUIT are for the command of --run, as system(3) has it.
void start_up_is_over(bool leave_keyboard);

// In the parent of the server that goes into the background: it passes on what
// it gets, and ends when the server says so.
void pass_signals_to(pid_t server_process);

// Whether a signal has come, as opposed to a plugin that asks for the end; the
// descriptor is readable from then on.
bool signal_came() noexcept;
int signal_event() noexcept;

// --exit-with-parent: SIGTERM when `parent` (its getppid()) ends. Kernels forget
// it when the user changes, so it is to be called again then.
void end_with_parent(pid_t parent);

}  // namespace nbdkit
