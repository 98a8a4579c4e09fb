// SPDX-License-Identifier: BSD-3-Clause
#include "bench/usage.hpp"

#include <dirent.h>
#include <time.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>

#include "run/files.hpp"

namespace testkit::bench {

namespace {

// /proc/PID/stat after "PID (name) ": state ppid pgrp ... cutime is field 16, cstime 17.
bool add_stat(const std::string& text, pid_t group, Usage& usage) {
  const size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return false;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  pid_t pgrp = 0;
  fields >> skipped >> skipped >> pgrp;
  if (pgrp != group) return false;
  for (int field = 6; field < 16; ++field) fields >> skipped;
  long cutime = 0, cstime = 0;
  fields >> cutime >> cstime;
  usage.cpu_seconds +=
      static_cast<double>(cutime + cstime) / static_cast<double>(::sysconf(_SC_CLK_TCK));
  return true;
}

double status_kb(const std::string& status, const char* key) {
  const size_t at = status.find(key);
  return at == std::string::npos ? 0 : std::atof(status.c_str() + at + std::string(key).size());
}

}  // namespace

Usage usage_of_group(pid_t group) {
  Usage usage;
  const auto close = [](DIR* dir) { ::closedir(dir); };
  const std::unique_ptr<DIR, decltype(close)> proc(::opendir("/proc"));
  while (const dirent* entry = proc ? ::readdir(proc.get()) : nullptr) {
    const auto pid = static_cast<pid_t>(std::atoi(entry->d_name));
    const std::string folder = std::string("/proc/") + entry->d_name;
    if (pid <= 0 || !add_stat(read_file(folder + "/stat", 4096), group, usage)) continue;
    clockid_t clock;
    timespec time{};
    if (::clock_getcpuclockid(pid, &clock) == 0 && ::clock_gettime(clock, &time) == 0) {
      usage.cpu_seconds +=
          static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
    }
    const std::string status = read_file(folder + "/status", 16384);
    usage.memory_kb += status_kb(status, "VmRSS:");
    usage.peak_kb += status_kb(status, "VmHWM:");
  }
  return usage;
}

}  // namespace testkit::bench
