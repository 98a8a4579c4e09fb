// SPDX-License-Identifier: BSD-3-Clause
#include "exitwhen/events.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <nbdkit/sdk.hpp>

#include "base/error.hpp"
#include "base/process.hpp"

namespace nbd::filters {

namespace {

// What the folder of the file tells is only that it is time to look again. Where
// it cannot tell (a network's file system, a folder that is not there yet), the
// owner looks from time to time.
class FileEvent final : public Event {
 public:
  FileEvent(std::string text, std::string path, bool created)
      : Event(std::move(text)), path_(std::move(path)), created_(created) {
    const size_t slash = path_.rfind('/');
    const std::string folder = slash == 0 ? "/" : path_.substr(0, slash);
    inotify_ = Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    constexpr uint32_t kChanges =
        IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF;
    if (inotify_ && ::inotify_add_watch(inotify_.get(), folder.c_str(), kChanges) == -1) {
      inotify_.reset();
    }
  }
  bool happened() override { return (::access(path_.c_str(), F_OK) == 0) == created_; }
  int fd() const override { return inotify_.get(); }
  void woken() override {
    char buf[4096];
    while (::read(inotify_.get(), buf, sizeof buf) > 0) {
    }
  }

 private:
  const std::string path_;
  const bool created_;
  Fd inotify_;
};

// The end of a pipe is told without asking for it; what it has is not read.
class PipeEvent final : public Event {
 public:
  PipeEvent(std::string text, int fd) : Event(std::move(text)), pipe_(fd) {}
  bool happened() override {
    pollfd p{pipe_.get(), 0, 0};
    return ::poll(&p, 1, 0) > 0 && (p.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
  }
  int fd() const override { return pipe_.get(); }
  short events() const override { return 0; }

 private:
  const Fd pipe_;
};

class ProcessEvent final : public Event {
 public:
  ProcessEvent(std::string text, pid_t pid) : Event(std::move(text)), pid_(pid) {
    pidfd_ = Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
    is_gone_ = !pidfd_ && errno == ESRCH;
  }
  bool happened() override {
    if (is_gone_) return true;
    if (!pidfd_) return ::kill(pid_, 0) == -1 && errno == ESRCH;
    pollfd p{pidfd_.get(), POLLIN, 0};
    return ::poll(&p, 1, 0) > 0;
  }
  int fd() const override { return pidfd_.get(); }

 private:
  const pid_t pid_;
  Fd pidfd_;  // stays that of this process, though the number may go to another
  bool is_gone_ = false;
};

class ScriptEvent final : public Event {
 public:
  ScriptEvent(std::string text, const std::string& script) : Event(std::move(text)) {
    options_.argv = {"/bin/sh", "-c", script};
    options_.own_group = true;
  }
  bool happened() override try {
    constexpr int kHappened = 88;
    Child child = spawn(options_);
    std::optional<ExitStatus> ended;
    constexpr std::chrono::milliseconds kLookAgain{50};
    while (!(ended = child.wait_for(kLookAgain))) {
      // The server ends, or the client has gone: ~Child ends the script.
      if (!sleep(std::chrono::milliseconds(1)).ok()) return false;
    }
    if (ended->code == kHappened && ended->signal == 0) return true;
    if (!ended->success()) log_error(text() + ": the script ended with " + ended->describe());
    return false;
  } catch (const std::exception& e) {
    log_error(text() + ": " + e.what());
    return false;
  }
  bool is_script() const override { return true; }

 private:
  SpawnOptions options_;
};

}  // namespace

std::unique_ptr<Event> file_event(std::string text, const std::string& path, bool created) {
  return std::make_unique<FileEvent>(std::move(text), path, created);
}

std::unique_ptr<Event> pipe_event(std::string text, int fd) {
  const int flags = ::fcntl(fd, F_GETFD);
  if (flags == -1) fail_errno(errno, "{}", text);
  sys([&] { return ::fcntl(fd, F_SETFD, flags | FD_CLOEXEC); }, "{}", text);
  return std::make_unique<PipeEvent>(std::move(text), fd);
}

std::unique_ptr<Event> process_event(std::string text, pid_t pid) {
  return std::make_unique<ProcessEvent>(std::move(text), pid);
}

std::unique_ptr<Event> script_event(std::string text, const std::string& script) {
  return std::make_unique<ScriptEvent>(std::move(text), script);
}

}  // namespace nbd::filters
