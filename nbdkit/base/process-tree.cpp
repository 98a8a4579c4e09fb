// SPDX-License-Identifier: BSD-3-Clause
#include "base/process-tree.hpp"

#include <signal.h>

#include <cctype>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace nbd {

namespace {

struct Process {
  pid_t pid = 0, parent = 0;
};

// /proc/PID/stat: "PID (any name) STATE PARENT ...".
std::optional<Process> read_process(const std::string& pid) {
  std::ifstream file("/proc/" + pid + "/stat");
  std::string line;
  if (!std::getline(file, line)) return std::nullopt;  // it has just gone
  const size_t name_end = line.rfind(')');
  if (name_end == std::string::npos || name_end + 4 >= line.size()) return std::nullopt;
  return Process{std::atoi(pid.c_str()), std::atoi(line.c_str() + name_end + 4)};
}

std::vector<Process> all_processes() {
  std::vector<Process> out;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    const std::string name = entry.path().filename().string();
    if (std::isdigit(static_cast<unsigned char>(name[0])) == 0) continue;
    if (const auto process = read_process(name)) out.push_back(*process);
  }
  return out;
}

// Adds the children of those that are in it, and theirs. true if there were any.
bool grow(std::set<pid_t>& tree) {
  const size_t before = tree.size();
  const std::vector<Process> processes = all_processes();
  for (size_t size = 0; size != tree.size();) {
    size = tree.size();
    for (const Process& p : processes) {
      if (tree.contains(p.parent)) tree.insert(p.pid);
    }
  }
  return tree.size() != before;
}

}  // namespace

void signal_process_tree(pid_t root, int signal) {
  std::set<pid_t> tree{root};
  // A process that is just being stopped may still fork once.
  do {
    for (const pid_t pid : tree) ::kill(pid, SIGSTOP);
  } while (grow(tree));
  for (const pid_t pid : tree) ::kill(pid, signal);
  for (const pid_t pid : tree) ::kill(pid, SIGCONT);
}

}  // namespace nbd
