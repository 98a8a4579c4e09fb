// SPDX-License-Identifier: BSD-3-Clause
//
// Child processes: started with an exact set of descriptors, waited for with a
// deadline, ended together with what they started.
//
// Threads: spawn() may be called in any thread, which waits with its signals
// blocked until the child has exec'ed; until then the child, in our memory, makes
// only async-signal-safe calls. A Child belongs to one thread at a time.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"

namespace nbd {

// How a process ended.
struct ExitStatus {
  int code = 0;    // exit status, meaningful if signal == 0
  int signal = 0;  // the signal that ended it, or 0

  bool success() const { return code == 0 && signal == 0; }
  // As a shell has it: 128 + signal for one that was killed.
  int shell_code() const { return signal != 0 ? 128 + signal : code; }
  std::string describe() const;  // "exit status 1", "killed by SIGKILL"
};

struct SpawnOptions {
  std::vector<std::string> argv;  // argv[0] is looked up in PATH
  std::vector<std::string> env;   // "NAME=value": added to our environment
  std::string directory;          // working directory; empty: ours
  int stdin_fd = -1;              // -1: /dev/null for stdin ...
  int stdout_fd = -1;             // ... and ours for stdout, stderr
  int stderr_fd = -1;             // borrowed until spawn() returns
  std::vector<int> kept_fds;      // stay open in it, above 2, under their numbers
  bool inherit_stdin = false;     // ours instead of /dev/null
  bool own_group = false;         // its own process group, see kill_group()
  int parent_death_signal = 0;    // sent to it when the spawning thread ends
};

class Child {
 public:
  Child() = default;
  Child(Child&& other) noexcept;
  Child& operator=(Child&& other) noexcept;
  // A child that is still running is killed (its group too) and reaped.
  ~Child();

  explicit operator bool() const noexcept { return pid_ > 0; }
  pid_t pid() const noexcept { return pid_; }
  // Readable when the child has ended: for poll().
  int pidfd() const noexcept { return pidfd_.get(); }

  ExitStatus wait();
  std::optional<ExitStatus> wait_for(std::chrono::milliseconds timeout);
  // The status, once one of the waits has returned it.
  const std::optional<ExitStatus>& ended() const noexcept { return status_; }

  // No effect on a child that has been waited for.
  void kill(int signal) noexcept;
  // Sends to every process of its group (with own_group); also once the child
  // itself has ended, since those that it started may live on.
  void kill_group(int signal) noexcept;
  // Those that it started may live on when this goes.
  void leave_group() noexcept { own_group_ = false; }
  // Whether any process of its group is left.
  bool group_alive() const noexcept;

 private:
  friend Child spawn(const SpawnOptions&);
  void release_running() noexcept;

  pid_t pid_ = -1;
  bool own_group_ = false;
  Fd pidfd_;
  std::optional<ExitStatus> status_;
};

// Throws an Error if the program cannot be started ("nbdinfo: No such file or
// directory").
Child spawn(const SpawnOptions& options);

// 'it'"'"'s' : one word for a POSIX shell.
std::string shell_quote(std::string_view word);
std::string shell_quote(const std::vector<std::string>& words);

// The folder of the running executable, and the one that we are in.
std::string executable_directory();
std::string current_directory();

}  // namespace nbd
