// SPDX-License-Identifier: BSD-3-Clause
//
// exitwhen: the server ends when something outside happens. No client is cut off:
// new ones are refused, and the server ends when the last has gone.
//
// Threads: one watches, from after_fork() to cleanup(). It and the threads in which
// clients come and go look under a lock, since events are for one at a time.
#include <nbdkit/filter.hpp>

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <climits>
#include <mutex>
#include <thread>

#include "base/error.hpp"
#include "base/parse.hpp"
#include "exitwhen/events.hpp"

namespace {

using nbd::filters::Event;

class ExitWhen {
 public:
  static constexpr auto name = "exitwhen";
  static constexpr auto longname = "nbdkit exitwhen filter";
  static constexpr auto description = "End the server when something outside happens";
  static constexpr auto help =
      "exit-when-file-created=<FILENAME>   the server ends when this file exists\n"
      "exit-when-file-deleted=<FILENAME>   ... when this file does not\n"
      "exit-when-pipe-closed=<FD>    ... when this pipe is closed at the other end\n"
      "exit-when-process-exits=<PID>   ... when this process has ended\n"
      "exit-when-script=<SCRIPT>     ... when this command ends with exit status 88\n"
      "exit-when-poll=<SECONDS>      how often scripts are run (default 60)";

  bool config(std::string_view key, std::string_view value) {
    const std::string text = std::string(key) + "=" + std::string(value);
    if (key == "exit-when-file-created" || key == "exit-when-file-deleted") {
      const bool created = key == "exit-when-file-created";
      if (value.empty()) throw nbd::Error(text + ": expected the name of a file, got \"\"");
      events_.push_back(nbd::filters::file_event(text, nbd::absolute_path(value), created));
    } else if (key == "exit-when-pipe-closed") {
      const auto fd = static_cast<int>(nbd::parse_int(key, value, 0, INT_MAX));
      events_.push_back(nbd::filters::pipe_event(text, fd));
    } else if (key == "exit-when-process-exits") {
      const auto pid = static_cast<pid_t>(nbd::parse_int(key, value, 1, INT_MAX));
      events_.push_back(nbd::filters::process_event(text, pid));
    } else if (key == "exit-when-script") {
      if (value.empty()) throw nbd::Error(text + ": expected a command, got \"\"");
      events_.push_back(nbd::filters::script_event(text, std::string(value)));
    } else if (key == "exit-when-poll") {
      poll_seconds_ = static_cast<int>(nbd::parse_int(key, value, 1, INT_MAX / 1000));
    } else {
      return false;
    }
    return true;
  }

  void after_fork() {
    if (events_.empty()) return;
    wake_ = nbd::Fd(nbd::sys([] { return ::eventfd(0, EFD_CLOEXEC); }, "eventfd"));
    watcher_ = std::thread([this] { watch(); });
  }
  void cleanup() noexcept {
    if (!watcher_.joinable()) return;
    const uint64_t one = 1;
    [[maybe_unused]] const auto n = ::write(wake_.get(), &one, sizeof one);
    watcher_.join();
  }

  void preconnect(bool) {
    const std::lock_guard lock(mutex_);
    look(true);
    if (happened_) throw nbd::Error(ESHUTDOWN, "exitwhen: the server is about to end");
    ++connected_;
  }
  void disconnected() noexcept {
    const std::lock_guard lock(mutex_);
    --connected_;
    end_if_idle();
  }

 private:
  // These three under the lock.
  void look(bool at_scripts) {
    for (const auto& event : events_) {
      if (happened_) return;
      if (event->is_script() && !at_scripts) continue;
      happened_ = event->happened();
      if (happened_) nbd::log_debug("exitwhen: " + event->text() + " has happened");
    }
  }
  void end_if_idle() noexcept try {
    look(connected_ == 0);
    if (happened_ && connected_ == 0) nbdkit_shutdown();
  } catch (const std::exception& e) {
    nbdkit_error("exitwhen: %s", e.what());
  }

  // Until something has happened, or cleanup().
  void watch() {
    sigset_t all;  // signals are for the main thread
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
    for (;;) {
      std::vector<pollfd> fds{{wake_.get(), POLLIN, 0}};
      for (const auto& event : events_) fds.push_back({event->fd(), event->events(), 0});
      {
        const std::lock_guard lock(mutex_);
        for (const auto& event : events_) event->woken();
        end_if_idle();
        if (happened_) return;
      }
      ::poll(fds.data(), fds.size(), poll_seconds_ * 1000);
      if (fds[0].revents != 0) return;
    }
  }

  std::vector<std::unique_ptr<Event>> events_;
  int poll_seconds_ = 60;
  nbd::Fd wake_;  // readable: the watcher is to end
  std::thread watcher_;
  std::mutex mutex_;
  unsigned connected_ = 0;
  bool happened_ = false;
};

}  // namespace

NBDKIT_FILTER(ExitWhen)
