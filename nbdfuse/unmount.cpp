// SPDX-License-Identifier: BSD-3-Clause
#include "unmount.hpp"

#include <fcntl.h>
#include <mntent.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <memory>
#include <thread>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/process.hpp"
#include "limits.hpp"

namespace nbdfuse {

namespace {

bool is_mount_of_ours(const std::string& path) {
  struct Close {
    void operator()(std::FILE* f) const { ::endmntent(f); }
  };
  const std::unique_ptr<std::FILE, Close> mounts(::setmntent("/proc/self/mounts", "re"));
  if (!mounts) nbd::fail_errno(errno, "/proc/self/mounts");
  mntent entry;
  char text[8192];
  bool ours = false;  // the last one at this path is the one on top
  while (::getmntent_r(mounts.get(), &entry, text, sizeof text) != nullptr) {
    if (path == entry.mnt_dir) ours = std::strcmp(entry.mnt_type, "fuse.nbdfuse") == 0;
  }
  return ours;
}

// Without asking the file system, whose server may be gone. Empty, with an errno: its
// folder is not there.
std::string absolute(const std::string& typed) {
  std::string path = typed.starts_with('/') ? typed : nbd::current_directory() + "/" + typed;
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  const auto slash = path.rfind('/');
  const std::string parent = slash == 0 ? "/" : path.substr(0, slash);
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(parent.c_str(), nullptr),
                                                         &std::free);
  if (!real) return "";
  return (parent == "/" ? "" : std::string(real.get())) + path.substr(slash);
}

}  // namespace

std::string mount_of_ours(const std::string& typed) {
  const std::string path = absolute(typed);
  if (path.empty() || is_mount_of_ours(path)) return path;
  const std::string parent = path.substr(0, path.rfind('/'));
  return !parent.empty() && is_mount_of_ours(parent) ? parent : "";
}

int unmount_path(const std::string& path, bool lazy) {
  if (::geteuid() == 0) {
    const int flags = UMOUNT_NOFOLLOW | (lazy ? MNT_DETACH : 0);
    return ::umount2(path.c_str(), flags) == 0 ? 0 : errno;
  }
  nbd::SpawnOptions helper;
  helper.argv = {"fusermount3", lazy ? "-uqz" : "-uq", "--", path};
  return nbd::spawn(helper).wait().success() ? 0 : EBUSY;
}

void unmount_ours(const std::string& typed) {
  if (absolute(typed).empty()) nbd::fail_errno(errno, "mount point {}", typed);
  const std::string path = mount_of_ours(typed);
  if (path.empty()) nbd::fail("{} is no mount of nbdfuse", typed);
  // The kernel writes back what it holds before it unmounts, but does not wait for
  // the server to have it on disk. A dead mount cannot be opened, and may go.
  nbd::Fd root(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (root && (::syncfs(root.get()) == -1 || ::fsync(root.get()) == -1)) {
    nbd::fail_errno(errno, "{} stays mounted, since not all that was written is on the server",
                    typed);
  }
  root.reset();
  // The kernel lets go of a loop device a moment after who asked for that has gone on.
  int error = unmount_path(path, false);
  for (auto left = kBusyPatience; error == EBUSY && left.count() > 0; left -= kBusyPause) {
    std::this_thread::sleep_for(kBusyPause);
    error = unmount_path(path, false);
  }
  if (error != 0) nbd::fail_errno(error, "cannot unmount {}", typed);
}

}  // namespace nbdfuse
