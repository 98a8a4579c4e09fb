// SPDX-License-Identifier: BSD-3-Clause
#include "run/stacks.hpp"

#include <signal.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include <fmt/format.h>

#include "base/error.hpp"
#include "base/process.hpp"
#include "run/files.hpp"
#include "run/programs.hpp"

namespace testkit {

namespace {

constexpr std::chrono::milliseconds kPatience{5000};
constexpr size_t kMaxOutput = 256u << 10;
// Of one process, and of all: enough to see who waits for whom.
constexpr size_t kShownLines = 24;
constexpr size_t kShownProcesses = 4;

// Field 5 of /proc/PID/stat, behind the name in parentheses.
pid_t group_of(const std::filesystem::path& process) {
  std::ifstream stat(process / "stat");
  std::string line;
  std::getline(stat, line);
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) return -1;
  std::istringstream fields(line.substr(name_end + 1));
  std::string state;
  pid_t parent = 0, group = 0;
  fields >> state >> parent >> group;
  return group;
}

std::vector<pid_t> members(pid_t group) {
  std::vector<pid_t> out;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (group_of(entry.path()) == group) out.push_back(static_cast<pid_t>(std::stol(name)));
  }
  return out;
}

std::vector<std::string> tool_for(pid_t pid) {
  const std::string number = std::to_string(pid);
  if (in_path("eu-stack")) return {"eu-stack", "-p", number};
  if (in_path("gdb")) {
    return {"gdb", "-p", number, "-batch", "-nx", "-ex", "thread apply all backtrace 12"};
  }
  return {};
}

bool is_frame(const std::string& line) {
  return line.starts_with("#") || line.starts_with("Thread ") || line.starts_with("TID ");
}

}  // namespace

std::vector<std::string> stacks_of_group(pid_t group, const std::string& scratch_file) {
  std::vector<std::string> out;
  size_t processes = 0;
  for (const pid_t pid : members(group)) {
    const std::vector<std::string> argv = tool_for(pid);
    if (argv.empty() || ++processes > kShownProcesses) break;
    try {
      const nbd::Fd file = create_file(scratch_file);
      nbd::SpawnOptions options;
      options.argv = argv;
      options.stdout_fd = options.stderr_fd = file.get();
      nbd::Child tool = nbd::spawn(options);
      if (!tool.wait_for(kPatience)) tool.kill(SIGKILL);
    } catch (const nbd::Error&) {
      break;  // the stacks are a help, no more
    }
    std::istringstream text(read_file(scratch_file, kMaxOutput));
    size_t lines = 0;
    for (std::string line; std::getline(text, line) && lines < kShownLines;) {
      if (!is_frame(line)) continue;
      out.push_back(fmt::format("stack {}  {}", pid, line));
      ++lines;
    }
  }
  return out;
}

}  // namespace testkit
