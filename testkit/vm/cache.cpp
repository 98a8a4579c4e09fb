// SPDX-License-Identifier: BSD-3-Clause
#include "vm/cache.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/process.hpp"
#include "base/temp-dir.hpp"
#include "run/files.hpp"

namespace testkit::vm {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

// 70 MB over a slow line, and a lock held by one who downloads the same.
constexpr auto kPatience = 600s;

std::string cache_folder() {
  const char* base = std::getenv("XDG_CACHE_HOME");
  if (base != nullptr && *base == '/') return std::string(base) + "/testkit";
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr && *home == '/' ? home : "/root") + "/.cache/testkit";
}

nbd::Fd take_lock(const std::string& path, const Interrupt& interrupt) {
  nbd::Fd fd(nbd::sys([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666); },
                      "cannot write {}", path));
  const Deadline deadline = Deadline::after(kPatience);
  while (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) nbd::fail_errno(errno, "lock {}", path);
    if (deadline.passed()) nbd::fail("{} is locked by another testkit for too long", path);
    if (sleep_until(Deadline::after(50ms), interrupt) == Wake::interrupted)
      nbd::fail("interrupted");
  }
  return fd;
}

}  // namespace

Cache::Cache(const Interrupt& interrupt) : path_(cache_folder()), interrupt_(interrupt) {
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) nbd::fail_errno(error.value(), "cannot make the cache folder {}", path_);
  lock_ = take_lock(path_ + "/lock", interrupt_);
}

std::string Cache::output_of(const std::vector<std::string>& argv, const std::string& directory) {
  constexpr size_t kMaxOutput = 1u << 20;
  const nbd::TempDir temp("tkvm");
  const nbd::Fd out = create_file(temp / "out"), err = create_file(temp / "err");
  nbd::SpawnOptions options;
  options.argv = argv;
  options.env = {"LC_ALL=C.UTF-8"};
  options.directory = directory;
  options.stdout_fd = out.get();
  options.stderr_fd = err.get();
  options.own_group = true;
  options.parent_death_signal = SIGKILL;
  nbd::Child child = nbd::spawn(options);
  pollfd ended{child.pidfd(), POLLIN, 0};
  const Wake wake = wait_any({&ended, 1}, Deadline::after(kPatience), interrupt_);
  if (wake == Wake::interrupted) nbd::fail("interrupted");
  if (wake == Wake::timeout) nbd::fail("{} takes too long", nbd::shell_quote(argv));
  const nbd::ExitStatus status = child.wait();
  if (!status.success()) {
    std::string words;
    for (const std::string& line : last_lines(read_file(temp / "err", kMaxOutput), 3)) {
      words += (words.empty() ? "" : "; ") + line;
    }
    nbd::fail("{}: {}: {}", nbd::shell_quote(argv), status.describe(), words);
  }
  return read_file(temp / "out", kMaxOutput);
}

void Cache::fetch_package(const std::string& package, const std::string& folder) {
  nbd::log::warning("fetching the Debian package {}, once, into {}", package, path_);
  const std::string download = folder + ".deb";
  fs::remove_all(download);
  fs::create_directories(download);
  try {
    output_of({"apt-get", "-q", "download", package}, download);
  } catch (const nbd::Error&) {
    // A machine that was just made has no lists of packages yet; only root can get them.
    if (::geteuid() != 0 || interrupt_.requested()) throw;
    output_of({"apt-get", "-q", "update"});
    output_of({"apt-get", "-q", "download", package}, download);
  }
  for (const auto& file : fs::directory_iterator(download)) {
    output_of({"dpkg-deb", "-x", file.path().string(), folder});
  }
  fs::remove_all(download);
}

}  // namespace testkit::vm
