// SPDX-License-Identifier: BSD-3-Clause
//
// The command of the guest. Its output goes through pipes of ours to the devices that the host
// reads, so that it writes to no terminal, and what it leaves in the background cannot hold
// them. On the control device the host is told, a line each: "start", "exit N", and every second
// "." by a process of its own, which shows that the kernel lives even while output is stuck.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "guest.hpp"

namespace guest {

namespace {

// The driver may take a moment to make it.
int open_device(const std::string& path) {
  for (int attempt = 0;; ++attempt) {
    const int fd = ::open(path.c_str(), O_WRONLY | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 && attempt < 100) {
      ::usleep(20'000);
      continue;
    }
    if (fd < 0) fail("open " + path);
    termios line{};
    if (::tcgetattr(fd, &line) == 0) {  // no translation of newlines
      ::cfmakeraw(&line);
      ::tcsetattr(fd, TCSANOW, &line);
    }
    return fd;
  }
}

void write_all(int fd, const char* data, size_t size) {
  while (size > 0) {
    const ssize_t n = ::write(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return;  // the host is gone, and with it soon this guest
    data += n;
    size -= static_cast<size_t>(n);
  }
}

void tell(int control, const std::string& line) { write_all(control, line.data(), line.size()); }

[[noreturn]] void beat(int control) {
  for (;;) {
    ::sleep(1);
    tell(control, ".\n");
  }
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> out;
  for (const std::string& word : words) out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

[[noreturn]] void exec_command(const Config& config, int out, int err) {
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::setsid();
  const int in = ::open("/dev/null", O_RDONLY);
  ::dup2(in, 0);
  ::dup2(out, 1);
  ::dup2(err, 2);
  if (in > 2) ::close(in);
  if (::chdir(config.directory.c_str()) != 0) {
    say("cannot enter " + config.directory + ": " + std::strerror(errno));
    ::_exit(125);
  }
  ::clearenv();
  for (const std::string& entry : config.env) ::putenv(const_cast<char*>(entry.c_str()));
  const std::vector<char*> argv = pointers(config.argv);
  ::execvp(argv[0], argv.data());
  say(config.argv[0] + ": " + std::strerror(errno));
  ::_exit(errno == ENOENT ? 127 : 126);  // as shells do
}

// A pipe whose data goes to a device.
struct Stream {
  int from = -1, to = -1;

  // False once there is nothing more to come.
  bool pass_on() {
    char block[64 << 10];
    const ssize_t n = ::read(from, block, sizeof block);
    if (n > 0) write_all(to, block, static_cast<size_t>(n));
    if (n != 0) return true;
    ::close(from);
    from = -1;  // poll() passes over it
    return false;
  }
};

// Takes all children that have ended, as process 1 has to. The status if `pid` is among them.
bool reap(pid_t pid, int& status) {
  bool found = false;
  int s = 0;
  for (pid_t ended; (ended = ::waitpid(-1, &s, WNOHANG)) > 0;) {
    if (ended != pid) continue;
    status = s;
    found = true;
  }
  return found;
}

// Until the command has ended and its output is through. What it has left in the background may
// hold the pipes open for ever: once it has ended, 0.3 s without a byte are the end.
int pump_until_end(pid_t pid, Stream (&streams)[2], int children) {
  constexpr int kQuietMs = 300;
  int status = 0;
  bool ended = false;
  for (;;) {
    pollfd fds[] = {
        {streams[0].from, POLLIN, 0}, {streams[1].from, POLLIN, 0}, {children, POLLIN, 0}};
    const bool all_is_through = streams[0].from < 0 && streams[1].from < 0;
    if (ended && all_is_through) return status;
    const int ready = ::poll(fds, 3, ended ? kQuietMs : -1);
    if (ready < 0 && errno != EINTR) fail("poll");
    if (ready == 0) return status;
    for (int i = 0; i < 2; ++i) {
      if (fds[i].revents != 0) streams[i].pass_on();
    }
    if (fds[2].revents != 0) {
      signalfd_siginfo info{};
      [[maybe_unused]] const auto n = ::read(children, &info, sizeof info);
      ended = reap(pid, status) || ended;
    }
  }
}

}  // namespace

void run_command(const Config& config) {
  const int control = open_device(config.control);
  if (::fork() == 0) beat(control);
  Stream streams[2] = {{-1, open_device(config.out)}, {-1, open_device(config.err)}};
  int ends[2][2];
  for (int i = 0; i < 2; ++i) {
    if (::pipe2(ends[i], O_CLOEXEC) != 0) fail("make a pipe");
    streams[i].from = ends[i][0];
  }
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
  const int children = ::signalfd(-1, &set, SFD_CLOEXEC);

  tell(control, "start\n");
  const pid_t pid = ::fork();
  if (pid < 0) fail("fork");
  if (pid == 0) exec_command(config, ends[0][1], ends[1][1]);
  for (auto& pair : ends) ::close(pair[1]);
  const int status = pump_until_end(pid, streams, children);
  const int code = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  for (const Stream& stream : streams) ::tcdrain(stream.to);
  ::sync();  // of what is shared
  tell(control, "exit " + std::to_string(code) + "\n");
  ::tcdrain(control);
}

}  // namespace guest
