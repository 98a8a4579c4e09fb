// SPDX-License-Identifier: BSD-3-Clause
#include "base/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

#include "base/error.hpp"

namespace nbd {

std::string ExitStatus::describe() const {
  if (signal == 0) return fmt::format("exit status {}", code);
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? fmt::format("killed by SIG{}", name)
                         : fmt::format("killed by signal {}", signal);
}

Child::Child(Child&& other) noexcept { *this = std::move(other); }

Child& Child::operator=(Child&& other) noexcept {
  if (this == &other) return *this;
  release_running();
  pid_ = std::exchange(other.pid_, -1);
  own_group_ = other.own_group_;
  pidfd_ = std::move(other.pidfd_);
  status_ = std::exchange(other.status_, std::nullopt);
  return *this;
}

Child::~Child() { release_running(); }

void Child::release_running() noexcept {
  if (pid_ <= 0) return;
  if (own_group_) kill_group(SIGKILL);
  if (!status_) {
    kill(SIGKILL);
    retry_eintr([&] { return ::waitpid(pid_, nullptr, 0); });
  }
  pid_ = -1;
}

ExitStatus Child::wait() { return *wait_for(std::chrono::milliseconds(-1)); }

std::optional<ExitStatus> Child::wait_for(std::chrono::milliseconds timeout) {
  if (status_) return status_;
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  for (;;) {
    int left = -1;
    if (timeout.count() >= 0) {
      const auto rest =
          std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
      left = static_cast<int>(std::max<int64_t>(rest.count(), 0));
    }
    pollfd p{pidfd_.get(), POLLIN, 0};
    const int ready = ::poll(&p, 1, left);
    if (ready > 0) break;
    if (ready == 0) return std::nullopt;
    if (errno != EINTR) fail_errno(errno, "poll: child {}", pid_);
  }
  int raw = 0;
  sys([&] { return ::waitpid(pid_, &raw, 0); }, "waitpid {}", pid_);
  status_ = WIFSIGNALED(raw) ? ExitStatus{0, WTERMSIG(raw)} : ExitStatus{WEXITSTATUS(raw), 0};
  return status_;
}

void Child::kill(int signal) noexcept {
  if (pid_ > 0 && !status_) ::kill(pid_, signal);
}

// A process group keeps its number while any member lives, so a group that is
// not empty is still ours; an empty one gives ESRCH.
void Child::kill_group(int signal) noexcept {
  if (pid_ > 0 && own_group_) ::kill(-pid_, signal);
}

bool Child::group_alive() const noexcept { return pid_ > 0 && own_group_ && ::kill(-pid_, 0) == 0; }

namespace {

// "NAME=value" entries over our environment; later ones win.
std::vector<std::string> merged_environment(const std::vector<std::string>& additions) {
  std::vector<std::string> env;
  const auto name_of = [](std::string_view entry) { return entry.substr(0, entry.find('=')); };
  for (char** e = environ; *e != nullptr; ++e) {
    const bool replaced =
        std::any_of(additions.begin(), additions.end(),
                    [&](const std::string& a) { return name_of(a) == name_of(*e); });
    if (!replaced) env.emplace_back(*e);
  }
  env.insert(env.end(), additions.begin(), additions.end());
  return env;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (const std::string& s : strings) out.push_back(const_cast<char*>(s.c_str()));
  out.push_back(nullptr);
  return out;
}

// Everything the child needs, made before the fork.
struct Prepared {
  const SpawnOptions& options;
  std::vector<std::string> env = merged_environment(options.env);
  std::vector<char*> argv = pointers(options.argv);
  std::vector<char*> envp = pointers(env);
  pid_t parent = ::getpid();
};

// dup2 that also works when fd is the target already: then it only loses
// close-on-exec.
bool move_to(int fd, int target) {
  if (fd == target) return ::fcntl(fd, F_SETFD, 0) == 0;
  return ::dup2(fd, target) == target;
}

// The descriptors may be low numbers themselves: lift them out of 0..2 first.
bool set_stdio(const SpawnOptions& o) {
  int fds[3] = {o.stdin_fd, o.stdout_fd, o.stderr_fd};
  if (fds[0] < 0 && !o.inherit_stdin) fds[0] = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  for (int i = 0; i < 3; ++i) {
    if (fds[i] >= 0 && fds[i] < 3 && fds[i] != i) fds[i] = ::fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
  }
  for (int i = 0; i < 3; ++i) {
    if (fds[i] >= 0 && !move_to(fds[i], i)) return false;
  }
  return true;
}

// In the child. Only async-signal-safe calls; returns only on failure.
int run_child(const Prepared& p) {
  const SpawnOptions& o = p.options;
  if (o.own_group) ::setpgid(0, 0);
  if (o.parent_death_signal != 0) {
    ::prctl(PR_SET_PDEATHSIG, o.parent_death_signal);
    if (::getppid() != p.parent) ::_exit(127);  // it died before we asked
  }
  for (int s = 1; s < NSIG; ++s) {
    struct sigaction action{};
    if (::sigaction(s, nullptr, &action) == 0 && action.sa_handler != SIG_DFL) {
      ::signal(s, SIG_DFL);
    }
  }
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  if (!set_stdio(o)) return errno;
  for (const int fd : o.kept_fds) {
    if (::fcntl(fd, F_SETFD, 0) != 0) return errno;
  }
  if (!o.directory.empty() && ::chdir(o.directory.c_str()) != 0) return errno;
  ::execvpe(p.argv[0], p.argv.data(), p.envp.data());
  return errno;
}

class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

Child spawn(const SpawnOptions& options) {
  if (options.argv.empty()) fail("no program to start");
  const Prepared prepared{options};

  // The write end closes on exec; a failed exec sends its errno through it.
  int ends[2];
  sys([&] { return ::pipe2(ends, O_CLOEXEC); }, "pipe");
  Fd read_end(ends[0]), write_end(ends[1]);

  // Not fork(), which copies the page tables of all our memory: a script that
  // reads a block costs a tenth less CPU so. The child runs in our memory, on this
  // stack, until it has exec'ed; so no handler of ours may run in it, and vfork()
  // cannot be wrapped in another function. (posix_spawn() knows no death signal.)
  const SignalsBlocked blocked;
  // NOLINTBEGIN(bugprone-unsafe-functions,clang-analyzer-*)
  const pid_t pid = ::vfork();
  if (pid == -1) fail_errno(errno, "fork: {}", options.argv[0]);
  if (pid == 0) {
    const int err = run_child(prepared);
    [[maybe_unused]] const auto n = ::write(write_end.get(), &err, sizeof err);
    ::_exit(127);
  }
  // NOLINTEND(bugprone-unsafe-functions,clang-analyzer-*)
  Child child;
  child.pid_ = pid;
  child.own_group_ = options.own_group;
  if (options.own_group) ::setpgid(pid, pid);  // whoever is first: no race with kill_group
  child.pidfd_ = Fd(static_cast<int>(
      sys([&] { return ::syscall(SYS_pidfd_open, pid, 0); }, "pidfd_open {}", pid)));

  write_end.reset();
  int err = 0;
  if (retry_eintr([&] { return ::read(read_end.get(), &err, sizeof err); }) == sizeof err) {
    child.wait();
    fail_errno(err, "cannot start {}", options.argv[0]);
  }
  return child;
}

std::string shell_quote(std::string_view word) {
  constexpr std::string_view kSafe =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%^";
  if (!word.empty() && word.find_first_not_of(kSafe) == std::string_view::npos) {
    return std::string(word);
  }
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::string shell_quote(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& w : words) {
    if (!out.empty()) out += ' ';
    out += shell_quote(w);
  }
  return out;
}

std::string executable_directory() {
  char path[4096];
  const auto n = sys([&] { return ::readlink("/proc/self/exe", path, sizeof path); },
                     "readlink /proc/self/exe");
  const std::string_view whole(path, static_cast<size_t>(n));
  return std::string(whole.substr(0, whole.rfind('/')));
}

std::string current_directory() {
  std::error_code error;
  const auto path = std::filesystem::current_path(error);
  if (error) fail_errno(error.value(), "cannot find the current directory");
  return path.string();
}

}  // namespace nbd
