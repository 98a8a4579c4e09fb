// SPDX-License-Identifier: BSD-3-Clause
//
// pause: requests wait until somebody says that they may go on.
//
// Who pauses gets an answer when none is under way any more below this filter.
//
// Threads: requests, and those who pause and resume, have threads of their own and
// share what is under the lock. A request that waits looks now and then whether its
// client or the server is still there.
#include "../every-request.hpp"

#include <condition_variable>
#include <mutex>

#include "control/control.hpp"
#include "control/socket.hpp"

namespace {

using nbd::Status;
using nbd::filters::Arguments;
using nbd::filters::ControlSocket;
using nbd::filters::JsonObject;

class Pause : public nbd::filters::EveryRequest<Pause> {
 public:
  static constexpr auto name = "pause";
  static constexpr auto longname = "nbdkit pause filter";
  static constexpr auto description = "Let requests wait until they may go on";
  static constexpr auto help =
      "pause-control=<SOCKET>        p sent here pauses, r resumes; P and R are the answers\n"
      "                              (this or control= is required)\n" NBD_CONTROL_HELP;
  static constexpr bool passes_unchanged = true;

  Pause() {
    control_.add({.name = "pause",
                  .arguments = {},
                  .help = "hold all requests; answered when none is under way",
                  .run = [this](const Arguments&, JsonObject&) { pause(); }});
    control_.add({.name = "resume",
                  .arguments = {},
                  .help = "let them go on",
                  .run = [this](const Arguments&, JsonObject&) { resume(); }});
    control_.add({.name = "get",
                  .arguments = {},
                  .help = "whether requests are held, how many wait, how many are under way",
                  .run = [this](const Arguments&, JsonObject& answer) {
                    const std::lock_guard lock(mutex_);
                    answer.set("paused", is_paused_).set("waiting", waiting_);
                    answer.set("under_way", under_way_);
                  }});
  }

  bool config(std::string_view key, std::string_view value) {
    if (control_.config(key, value)) return true;
    if (key != "pause-control") return false;
    path_ = nbd::absolute_path(value);
    return true;
  }
  void config_complete() const {
    if (path_.empty() && !control_.is_used()) {
      throw nbd::Error("pause: give a socket: pause-control=<SOCKET> or control=<SOCKET>");
    }
  }
  // Clients cannot come before it.
  void after_fork() {
    control_.after_fork();
    if (path_.empty()) return;
    socket_ = std::make_unique<ControlSocket>(
        path_, [this](std::string_view command) { return obey(command[0]); }, "pause-control",
        ControlSocket::Speech::characters);
  }
  void cleanup() noexcept {
    socket_.reset();
    control_.cleanup();
  }

  void properties(nbd::Properties& p) const { p.blocking = nbd::OpSet::all(); }

  template <class Call>
  Status around(const nbd::Announcement&, Call&& call) {
    if (!enter()) return Status(ESHUTDOWN);
    const Status s = call();
    const std::lock_guard lock(mutex_);
    if (--under_way_ == 0) changed_.notify_all();
    return s;
  }

 private:
  std::string obey(char command) {
    switch (command) {
      case 'p': pause(); return "P";
      case 'r': resume(); return "R";
      case '\n':
      case '\r':
      case ' ': return "";  // what typing it by hand adds
      default: return "X";
    }
  }

  // Returns when nothing is under way, or somebody else has resumed.
  void pause() {
    std::unique_lock lock(mutex_);
    is_paused_ = true;
    const uint64_t resumed = resumed_;
    changed_.wait(lock, [&] { return under_way_ == 0 || resumed_ != resumed; });
  }
  void resume() {
    const std::lock_guard lock(mutex_);
    is_paused_ = false;
    ++resumed_;
    changed_.notify_all();
  }

  // false: the client has gone, or the server ends.
  bool enter() {
    constexpr std::chrono::milliseconds kLookAgain{100}, kLook{1};
    std::unique_lock lock(mutex_);
    while (is_paused_) {
      ++waiting_;
      changed_.wait_for(lock, kLookAgain, [this] { return !is_paused_; });
      --waiting_;
      if (!is_paused_) break;
      lock.unlock();
      if (!nbd::sleep(kLook).ok()) return false;
      lock.lock();
    }
    ++under_way_;
    return true;
  }

  nbd::filters::Control control_{"pause"};
  std::string path_;
  std::unique_ptr<ControlSocket> socket_;

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_paused_ = false;
  uint64_t under_way_ = 0, waiting_ = 0;
  uint64_t resumed_ = 0;  // how often
};

}  // namespace

NBDKIT_FILTER(Pause)
