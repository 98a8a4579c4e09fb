// SPDX-License-Identifier: BSD-3-Clause
#include "server/startup.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <string_view>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"

namespace nbdkit {

namespace {

void open_log_file(const std::string& path) {
  nbd::Fd file(nbd::sys(
      [&] { return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644); },
      "--log: cannot open {}", path));
  nbd::log::set_error_file(file.release());
}

}  // namespace

void set_up_log(const Options& options) {
  nbd::log::set_verbose(options.verbose);
  if (!options.name.empty()) nbd::log::set_program(fmt::format("nbdkit[{}]", options.name));
  switch (options.log) {
    case LogTo::syslog: nbd::log::set_error_sink(nbd::log::Sink::syslog); break;
    case LogTo::null: nbd::log::set_error_sink(nbd::log::Sink::null); break;
    case LogTo::file: open_log_file(options.log_file); break;
    case LogTo::by_default:
    case LogTo::stderr_fd: break;
  }
}

void show_environment() {
  for (char** entry = environ; *entry != nullptr; ++entry) {
    nbd::log::debug(std::string_view(*entry));
  }
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == -1) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

void raise_memory_lock_limit() {
  rlimit limit{RLIM_INFINITY, RLIM_INFINITY};
  if (::setrlimit(RLIMIT_MEMLOCK, &limit) == 0 || ::getrlimit(RLIMIT_MEMLOCK, &limit) == -1) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_MEMLOCK, &limit);
}

void lock_memory() {
  nbd::sys([] { return ::mlockall(MCL_CURRENT | MCL_FUTURE); },
           "--swap: cannot lock nbdkit into memory (see ulimit -l)");
}

void write_pid_file(const std::string& path) {
  const nbd::Fd file(
      nbd::sys([&] { return ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644); },
               "cannot write the PID file {}", path));
  const std::string text = fmt::format("{}\n", ::getpid());
  nbd::sys([&] { return ::write(file.get(), text.data(), text.size()); },
           "cannot write the PID file {}", path);
}

}  // namespace nbdkit
