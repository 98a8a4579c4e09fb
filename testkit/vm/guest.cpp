// SPDX-License-Identifier: BSD-3-Clause
#include "vm/guest.hpp"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <optional>

#include "base/error.hpp"
#include "base/parse.hpp"
#include "base/process.hpp"
#include "base/temp-dir.hpp"
#include "run/files.hpp"
#include "vm/initramfs.hpp"
#include "vm/kernel.hpp"
#include "vm/machine.hpp"
#include "vm/watchdog.hpp"

namespace testkit::vm {

namespace {

using namespace std::chrono_literals;

// What clients of NBD want; dm_mod, since nobody asks for it by opening its device.
const std::vector<std::string> kUsualModules{"loop", "fuse", "vsock_loopback",
                                             "nbd",  "ipv6", "dm_mod"};
constexpr size_t kConsoleLines = 45;
constexpr size_t kMaxConsole = 1u << 20;
// An idle machine boots UML in 1 s and QEMU in 6; these are for one that is not.
constexpr auto kBootTime = 60s, kSlowBootTime = 300s;
// A guest's heart beats every second (guest/command.cpp). A kernel that says nothing for so long
// hangs.
constexpr auto kSilence = 60s, kSlowSilence = 180s;
constexpr auto kPowerOffTime = 10s;

std::string read_whole(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) nbd::fail_errno(errno, "cannot read {}", path);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::string guest_program() {
  return nbd::executable_directory() + "/../lib/testkit/testkit-guest";
}

std::string make_initramfs(Backend backend, const Kernel& kernel, const GuestCommand& command) {
  Cpio archive;
  archive.add_file("init", read_whole(guest_program()), true);
  archive.add_folder("testkit");
  archive.add_file("testkit/command", zero_ended(command.argv));
  archive.add_file("testkit/environment", zero_ended(command.env));
  std::vector<std::string> settings = device_settings(backend);
  settings.push_back("directory=" + command.directory);
  settings.push_back("modules=" + kernel.modules);
  for (const std::string& share : command.shares) settings.push_back("share=" + share);
  for (const auto* list : {&kUsualModules, &command.modules}) {
    for (const std::string& name : *list) settings.push_back("load=" + name);
  }
  archive.add_file("testkit/settings", zero_ended(settings));
  archive.add_folder("testkit/modules");
  unsigned number = 0;
  const std::string modules_dep = read_whole(kernel.modules + "/modules.dep");
  for (const std::string& file : in_load_order(modules_dep, boot_module_names(backend))) {
    archive.add_file(fmt::format("testkit/modules/{:02}.ko", number++),
                     read_whole(kernel.modules + "/" + file));
  }
  return archive.take();
}

// Follows one guest from its start to its end.
class Watch {
 public:
  Watch(Backend backend, const GuestCommand& command, nbd::Child& machine, int control,
        const Interrupt& interrupt)
      : slow_(backend == Backend::qemu),
        command_(command),
        machine_(machine),
        control_(control),
        interrupt_(interrupt),
        deadline_(Deadline::after(slow_ ? kSlowBootTime : kBootTime)) {
    hear();
  }

  GuestEnd until_end() {
    for (bool open = true; !code_;) {
      pollfd fds[] = {{control_, POLLIN, 0}, {open ? -1 : machine_.pidfd(), POLLIN, 0}};
      const Wake wake = wait_any(fds, deadline_.sooner(alive_until_), interrupt_);
      if (wake == Wake::interrupted) return finished(GuestEnd::Kind::interrupted, "interrupted");
      if (wake == Wake::timeout) return too_late();
      if (open) open = listen();
      // Its end closes the pipe; until then it may only have stopped to talk.
      if (!open) return finished(GuestEnd::Kind::failed, "the guest ended on its own");
    }
    end_.kind = GuestEnd::Kind::exited;
    end_.code = *code_;
    machine_.wait_for(std::chrono::duration_cast<std::chrono::milliseconds>(kPowerOffTime));
    return end_;
  }

 private:
  void hear() { alive_until_ = Deadline::after(slow_ ? kSlowSilence : kSilence); }

  // False at the end of what it says.
  bool listen() {
    char block[512];
    const ssize_t n = nbd::retry_eintr([&] { return ::read(control_, block, sizeof block); });
    if (n <= 0) return false;
    said_.append(block, static_cast<size_t>(n));
    hear();
    for (size_t end; (end = said_.find('\n')) != std::string::npos; said_.erase(0, end + 1)) {
      take(said_.substr(0, end));
    }
    return true;
  }

  void take(const std::string& line) {
    if (line == "start" && !end_.started) {
      end_.started = true;
      end_.boot = Clock::now() - began_;
      deadline_ = Deadline::after(command_.timeout);
    } else if (line.starts_with("exit ")) {
      code_ = nbd::parse_int("the exit status in the guest", line.substr(5), 0, 255);
    }
  }

  GuestEnd too_late() {
    using std::chrono::duration_cast, std::chrono::seconds;
    if (!end_.started) {
      return finished(GuestEnd::Kind::failed,
                      fmt::format("the guest did not boot in {} s",
                                  duration_cast<seconds>(Clock::now() - began_).count()));
    }
    if (deadline_.passed()) {
      return finished(GuestEnd::Kind::timed_out,
                      fmt::format("the command was stopped after {} s",
                                  duration_cast<seconds>(command_.timeout).count()));
    }
    return finished(GuestEnd::Kind::failed, "the guest hangs: its kernel gives no sign of life");
  }

  GuestEnd finished(GuestEnd::Kind kind, std::string trouble) {
    end_.kind = kind;
    end_.trouble = std::move(trouble);
    return end_;
  }

  const bool slow_;
  const GuestCommand& command_;
  nbd::Child& machine_;
  const int control_;
  const Interrupt& interrupt_;
  const Clock::time_point began_ = Clock::now();
  Deadline deadline_, alive_until_;
  std::string said_;
  std::optional<int> code_;
  GuestEnd end_;
};

// Its last lines; and in the words of the kernel why it panicked, if it did.
void read_console(const std::string& text, GuestEnd& end) {
  end.console = last_lines(text, kConsoleLines);
  constexpr std::string_view kPanic = "Kernel panic - not syncing: ";
  const size_t at = text.find(kPanic);
  if (at == std::string::npos || end.kind != GuestEnd::Kind::failed) return;
  const size_t reason = at + kPanic.size();
  const size_t line_end = text.find_first_of("\r\n", reason);
  end.trouble = "the guest's kernel panicked: " + text.substr(reason, line_end - reason);
}

}  // namespace

GuestEnd run_guest(Backend backend, const GuestCommand& command, const Interrupt& interrupt) {
  const Kernel kernel = find_kernel(backend, interrupt);
  const nbd::TempDir scratch("tkvm");
  std::ofstream(scratch / "initramfs", std::ios::binary)
      << make_initramfs(backend, kernel, command);
  const nbd::Fd console = create_file(scratch / "console");
  int ends[2];
  nbd::sys([&] { return ::pipe2(ends, O_CLOEXEC); }, "pipe");
  const nbd::Fd control(ends[0]);
  nbd::Fd far_end(ends[1]);
  nbd::Child machine =
      start_machine(backend, kernel, scratch / "initramfs", command.shares, scratch.path(),
                    {console.get(), command.out_fd, command.err_fd, far_end.get()});
  far_end.reset();
  const Watchdog watchdog(machine.pid(), scratch.path());
  GuestEnd end = Watch(backend, command, machine, control.get(), interrupt).until_end();
  machine.kill_group(SIGKILL);
  machine.wait();
  if (end.kind != GuestEnd::Kind::exited) {
    read_console(read_file(scratch / "console", kMaxConsole), end);
  }
  return end;
}

std::vector<std::string> own_environment() {
  std::vector<std::string> out;
  for (char** entry = environ; *entry != nullptr; ++entry) out.emplace_back(*entry);
  return out;
}

}  // namespace testkit::vm
