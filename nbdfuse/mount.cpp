// SPDX-License-Identifier: BSD-3-Clause
#include "mount.hpp"

#include <fcntl.h>
#include <fuse3/fuse_log.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <fstream>
#include <sstream>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "limits.hpp"
#include "unmount.hpp"

namespace nbdfuse {

namespace {

// libfuse says why something failed to its log, in pieces of a line, and not to
// its caller. What it says while it mounts becomes part of our sentence.
thread_local std::string t_fuse_says;

void on_fuse_log(fuse_log_level, const char* format, va_list args) noexcept {
  char text[512];
  if (std::vsnprintf(text, sizeof text, format, args) <= 0) return;
  if (t_fuse_says.ends_with('\n')) t_fuse_says.clear();
  t_fuse_says += text;
  if (t_fuse_says.ends_with('\n')) {
    nbd::log::debug(std::string_view(t_fuse_says).substr(0, t_fuse_says.size() - 1));
  }
}

std::string fuse_reason() {
  std::string_view reason = t_fuse_says;
  if (reason.empty()) return "see what fusermount3 says above";
  if (reason.ends_with('\n')) reason.remove_suffix(1);
  if (reason.starts_with("fuse: ")) reason.remove_prefix(6);
  return std::string(reason);
}

[[noreturn]] void fail_mount(const std::string& path) {
  nbd::fail("cannot mount at {}: {}", path, fuse_reason());
}

// Of the kernel's cache of this mount: as root, who alone may say; for others it stays
// as it is. FUSE's own read-ahead of 128 KiB leaves a server that is some way off idle
// most of the time.
void tune_cache(const std::string& path, Cache cache) {
  // Not stat, which would ask us, who do not answer yet.
  std::string device;
  std::ifstream mounts("/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string id, parent, number, root, where;
    words >> id >> parent >> number >> root >> where;
    if (where == path) device = number;
  }
  if (device.empty()) return;
  const std::string folder = "/sys/class/bdi/" + device;
  std::ofstream(folder + "/read_ahead_kb") << kReadAheadKb;
  if (cache == Cache::write_back) std::ofstream(folder + "/max_ratio") << kMaxDirtyPercent;
}

}  // namespace

Mount::Mount(Loop& loop, FileSystem& file_system, const MountPoint& where,
             const std::vector<std::string>& options, unsigned max_in_flight)
    : file_system_(file_system),
      path_(where.path),
      buffers_(max_in_flight, [&loop] { loop.wake(); }) {
  ended_.reset(nbd::sys([] { return ::eventfd(0, EFD_CLOEXEC); }, "eventfd"));
  fuse_set_log_func(on_fuse_log);
  std::vector<std::string> words{"nbdfuse", "-osubtype=nbdfuse"};
  for (const auto& option : options) words.push_back("-o" + option);
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  fuse_args args = FUSE_ARGS_INIT(static_cast<int>(argv.size()), argv.data());
  session_.reset(
      fuse_session_new(&args, &FileSystem::operations(), sizeof(fuse_lowlevel_ops), &file_system_));
  fuse_opt_free_args(&args);
  if (!session_) fail_mount(path_);
  file_system_.mounted_as(session_.get());
  if (fuse_session_mount(session_.get(), path_.c_str()) == -1) fail_mount(path_);
  const int fd = fuse_session_fd(session_.get());
  (void)::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK);
  loop.add(*this);
}

Mount::~Mount() {
  file_system_.incoming = Buffer();
  fuse_session_unmount(session_.get());
}

Loop::Client::Wish Mount::work() noexcept {
  if (fuse_session_exited(session_.get()) != 0) {
    file_system_.incoming = Buffer();
    if (!ended_told_ && buffers_.all_are_back()) {
      ended_told_ = true;
      (void)::eventfd_write(ended_.get(), 1);
    }
    return {fuse_session_fd(session_.get()), 0};
  }
  if (!file_system_.incoming) file_system_.incoming = buffers_.try_take();
  // Until a buffer comes back, nothing.
  return {fuse_session_fd(session_.get()), file_system_.incoming ? EPOLLIN : 0U};
}

void Mount::ready(uint32_t) noexcept {
  for (unsigned i = 0; i < kBatch && serve_one(); ++i) {
  }
}

// Whether there may be another one.
bool Mount::serve_one() noexcept {
  fuse_session* const session = session_.get();
  if (!file_system_.incoming) file_system_.incoming = buffers_.try_take();
  if (!file_system_.incoming) return false;
  fuse_buf* const raw = file_system_.incoming.raw();
  const int result = fuse_session_receive_buf(session, raw);
  if (result == -EINTR) return true;
  if (result == -EAGAIN) return false;
  if (result <= 0) {
    if (result < 0) nbd::log::error("reading from the kernel: {}", nbd::errno_text(-result));
    fuse_session_exit(session);
    return false;
  }
  // A copy: the operation may take the buffer, and answer, before this returns.
  const fuse_buf received = *raw;
  fuse_session_process_buf(session, &received);
  // The first is the kernel's greeting; our answer to it sets what it is by default.
  if (!std::exchange(greeted_, true)) tune_cache(path_, file_system_.cache());
  return fuse_session_exited(session) == 0;
}

void Mount::unmount() noexcept {
  try {
    int error = unmount_path(path_, false);
    if (error != EBUSY) {
      if (error != 0) nbd::log::error("cannot unmount {}: {}", path_, nbd::errno_text(error));
      return;
    }
    nbd::log::error(
        "{} is in use: it is taken out of sight, and served until its last user closes "
        "it; a second signal ends that",
        path_);
    const nbd::Fd root(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    if (root) (void)::syncfs(root.get());
    error = unmount_path(path_, true);
    if (error != 0) nbd::log::error("cannot unmount {}: {}", path_, nbd::errno_text(error));
  } catch (const nbd::Error& error) {
    nbd::log::error("cannot unmount {}: {}", path_, error.what());
  }
}

void Mount::detach() noexcept {
  try {
    (void)unmount_path(path_, true);
  } catch (const nbd::Error& error) {
    nbd::log::error("cannot unmount {}: {}", path_, error.what());
  }
}

}  // namespace nbdfuse
