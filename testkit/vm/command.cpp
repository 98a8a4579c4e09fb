// SPDX-License-Identifier: BSD-3-Clause
//
// Threads: the guest is watched by the main thread; two more pass its output on, each until the
// guest's end of its pipe is closed. If our own output blocks, they do, and then the guest's
// command; the time limit goes on.
#include "vm/command.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <filesystem>
#include <thread>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/parse.hpp"
#include "base/process.hpp"
#include "run/runner.hpp"
#include "run/text-check.hpp"
#include "vm/guest.hpp"
#include "vm/kernel.hpp"

namespace testkit::vm {

namespace {

// Writes whatever comes out of a pipe to one of our own descriptors. UML makes what it is given
// non-blocking and a terminal raw: it must not have ours.
class Relay {
 public:
  explicit Relay(int to) {
    int ends[2];
    nbd::sys([&] { return ::pipe2(ends, O_CLOEXEC); }, "pipe");
    from_ = nbd::Fd(ends[0]);
    far_end_ = nbd::Fd(ends[1]);
    thread_ = std::jthread([this, to] { pass_on(to); });
  }
  int far_end() const { return far_end_.get(); }
  // Once nobody else has the far end: until all of it is through.
  void finish() {
    far_end_.reset();
    thread_.join();
  }
  ~Relay() { far_end_.reset(); }
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

 private:
  void pass_on(int to) noexcept {
    char block[64 << 10];
    for (;;) {
      const ssize_t n = nbd::retry_eintr([&] { return ::read(from_.get(), block, sizeof block); });
      if (n <= 0) return;
      for (ssize_t done = 0; done < n;) {
        const ssize_t w = nbd::retry_eintr(
            [&] { return ::write(to, block + done, static_cast<size_t>(n - done)); });
        if (w <= 0) break;  // nobody listens; what the guest says is still taken
        done += w;
      }
    }
  }

  nbd::Fd from_, far_end_;
  std::jthread thread_;
};

std::string absolute_folder(const std::string& option, const std::string& path) {
  std::error_code error;
  const auto whole = std::filesystem::canonical(path, error);
  if (error) nbd::fail("{} {}: {}", option, path, error.message());
  if (!std::filesystem::is_directory(whole)) nbd::fail("{} {}: not a folder", option, path);
  return whole.string();
}

GuestCommand guest_command(const VmSettings& settings) {
  GuestCommand command;
  command.argv = settings.command;
  command.env = own_environment();
  // It may be a folder that only the guest has, a share for one: the guest complains.
  command.directory = settings.directory.empty()
                          ? nbd::current_directory()
                          : std::filesystem::absolute(settings.directory).string();
  for (const std::string& share : settings.shares) {
    command.shares.push_back(absolute_folder("--share", share));
  }
  command.modules = settings.modules;
  command.timeout = nbd::parse_delay("--timeout", settings.timeout);
  return command;
}

void say(const VmSettings& settings, const std::string& text) {
  if (settings.verbose) nbd::log::warning(std::string_view(text));
}

// Tells how it went, unless all is well; the exit status.
int report(const GuestEnd& end, const Interrupt& interrupt) {
  if (end.kind == GuestEnd::Kind::exited) return end.code;
  if (end.kind == GuestEnd::Kind::interrupted) return 128 + interrupt.signal();
  nbd::log::error(std::string_view(end.trouble));
  for (const std::string& line : end.console) fmt::print(stderr, "console| {}\n", line);
  return end.kind == GuestEnd::Kind::timed_out ? kExitTimedOut : kExitNoGuest;
}

GuestEnd run_once(Backend backend, GuestCommand command, const Interrupt& interrupt) {
  Relay out(STDOUT_FILENO), err(STDERR_FILENO);
  command.out_fd = out.far_end();
  command.err_fd = err.far_end();
  GuestEnd end = run_guest(backend, command, interrupt);
  out.finish();
  err.finish();
  return end;
}

int try_backends(const VmSettings& settings, const Interrupt& interrupt) {
  const GuestCommand command = guest_command(settings);
  int status = kExitNoGuest;
  for (const Backend backend : backends_for(settings.backend)) {
    try {
      if (const std::string reason = why_not(backend); !reason.empty()) nbd::fail("{}", reason);
      if (settings.prepare) {
        const Kernel kernel = find_kernel(backend, interrupt);
        say(settings,
            fmt::format("{}: {} with {}", name_of(backend), kernel.image, kernel.modules));
        return 0;
      }
      const auto start = Clock::now();
      const GuestEnd end = run_once(backend, command, interrupt);
      say(settings, fmt::format("{}: booted in {}, ended after {}", name_of(backend),
                                show_time(end.boot), show_time(Clock::now() - start)));
      status = report(end, interrupt);
      if (end.started || interrupt.requested()) return status;
    } catch (const nbd::Error& error) {
      if (interrupt.requested()) return 128 + interrupt.signal();
      nbd::log::error("{}: {}", name_of(backend), error.what());
    }
  }
  return status;
}

}  // namespace

int run_vm(const VmSettings& settings) {
  Interrupt interrupt;
  const SignalWatch watch(interrupt);
  try {
    if (settings.command.empty() && !settings.prepare) nbd::fail("vm: no command");
    return try_backends(settings, interrupt);
  } catch (const nbd::Error& error) {
    nbd::log::error(std::string_view(error.what()));
    return kExitNoGuest;
  }
}

}  // namespace testkit::vm
