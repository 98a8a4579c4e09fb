// SPDX-License-Identifier: BSD-3-Clause
#include "run/leftovers.hpp"

#include <fcntl.h>
#include <linux/loop.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include <fmt/format.h>

#include "base/fd.hpp"

namespace testkit {

namespace {

namespace fs = std::filesystem;

// A process that was told to end may take this long to do so.
constexpr std::chrono::milliseconds kGrace{500};

bool is_below(std::string_view path, std::string_view folder) {
  return path.starts_with(folder) && (path.size() == folder.size() || path[folder.size()] == '/');
}

struct Process {
  pid_t pid;
  std::string name;
};

std::vector<Process> processes_in(const std::string& folder) {
  std::vector<Process> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const fs::path cwd = fs::read_symlink(entry.path() / "cwd", error);
    if (error || !is_below(cwd.string(), folder)) continue;
    std::ifstream comm(entry.path() / "comm");
    std::string command;
    std::getline(comm, command);
    out.push_back({static_cast<pid_t>(std::stol(name)), command});
  }
  return out;
}

// A killed process is there until it is reaped, by init in most cases.
std::vector<Process> lasting_processes_in(const std::string& folder) {
  const auto end = std::chrono::steady_clock::now() + kGrace;
  for (;;) {
    std::vector<Process> found = processes_in(folder);
    if (found.empty() || std::chrono::steady_clock::now() > end) return found;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

// mountinfo has spaces and the like as \040.
std::string unescaped(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out += static_cast<char>(std::stoi(text.substr(i + 1, 3), nullptr, 8));
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// The innermost first.
std::vector<std::string> mounts_below(const std::string& folder) {
  std::vector<std::string> out;
  std::ifstream table("/proc/self/mountinfo");
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields(line);
    std::string id, parent, device, root, point;
    fields >> id >> parent >> device >> root >> point;
    if (point = unescaped(point); is_below(point, folder)) out.push_back(point);
  }
  std::reverse(out.begin(), out.end());
  return out;
}

// Names of devices.
std::vector<std::string> loops_over(const std::string& folder) {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/sys/block", error)) {
    std::ifstream backing(entry.path() / "loop/backing_file");
    std::string file;
    if (std::getline(backing, file) && is_below(file, folder)) {
      out.push_back("/dev/" + entry.path().filename().string());
    }
  }
  return out;
}

void detach(const std::string& loop) {
  const nbd::Fd device(::open(loop.c_str(), O_RDONLY | O_CLOEXEC));
  if (device) ::ioctl(device.get(), LOOP_CLR_FD, 0);
}

}  // namespace

std::vector<std::string> clear_leftovers(const std::string& folder) {
  std::vector<std::string> out;
  for (const Process& p : lasting_processes_in(folder)) {
    out.push_back(fmt::format("process {} ({})", p.pid, p.name));
    ::kill(p.pid, SIGKILL);
  }
  for (const std::string& point : mounts_below(folder)) {
    out.push_back("mount " + point);
    ::umount2(point.c_str(), MNT_DETACH);
  }
  for (const std::string& loop : loops_over(folder)) {
    out.push_back("loop device " + loop);
    detach(loop);
  }
  return out;
}

}  // namespace testkit
