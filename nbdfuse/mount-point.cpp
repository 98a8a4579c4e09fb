// SPDX-License-Identifier: BSD-3-Clause
#include "mount-point.hpp"

#include <sys/stat.h>

#include <filesystem>

#include "base/error.hpp"
#include "unmount.hpp"

namespace nbdfuse {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail_dead(const std::string& path) {
  nbd::fail("mount point {}: a file system whose server is gone is mounted here: fusermount3 -u {}",
            path, path);
}

bool is_dead(const std::string& path) {
  struct stat st;
  return ::stat(path.c_str(), &st) == -1 && errno == ENOTCONN;
}

// 0: there is nothing of this name.
mode_t file_type(const std::string& path) {
  struct stat st;
  if (::stat(path.c_str(), &st) == 0) return st.st_mode & S_IFMT;
  if (errno == ENOENT) return 0;
  if (errno == ENOTCONN) fail_dead(path);
  nbd::fail_errno(errno, "mount point {}", path);
}

std::string absolute(const std::string& path) {
  std::error_code error;
  const auto result = fs::canonical(path, error);
  if (error) nbd::fail_errno(error.value(), "mount point {}", path);
  return result.string();
}

MountPoint file_in_directory(const std::string& typed, bool nonempty_ok) {
  const auto slash = typed.rfind('/');
  if (slash == std::string::npos || slash + 1 == typed.size()) {
    nbd::fail("mount point {} does not exist", typed);
  }
  const std::string name = typed.substr(slash + 1);
  const std::string directory = slash == 0 ? "/" : typed.substr(0, slash);
  const mode_t type = file_type(directory);
  if (type == 0) nbd::fail("mount point {}: there is no directory {}", typed, directory);
  if (type != S_IFDIR) nbd::fail("mount point {}: {} is not a directory", typed, directory);
  std::error_code error;
  const bool empty = fs::is_empty(directory, error);
  if (!nonempty_ok && !error && !empty) {
    nbd::fail(
        "mount point {} does not exist, and {} is not empty, so mounting there would hide its "
        "files (-o nonempty allows it)",
        typed, directory);
  }
  return {absolute(directory), name};
}

}  // namespace

MountPoint resolve_mount_point(const std::string& typed, bool nonempty_ok) {
  if (typed.empty()) nbd::fail("the mount point is an empty word");
  // Root could mount over a mount, and hide it, which nobody wants by this.
  if (const auto mounted = mount_of_ours(typed); !mounted.empty() && !is_dead(mounted)) {
    nbd::fail("mount point {}: an nbdfuse is mounted here already: nbdfuse --unmount {}", typed,
              mounted);
  }
  switch (file_type(typed)) {
    case 0: return file_in_directory(typed, nonempty_ok);
    case S_IFDIR: return {absolute(typed), kDefaultFileName};
    case S_IFREG: return {absolute(typed), ""};
    default: nbd::fail("mount point {} is neither a directory nor a plain file", typed);
  }
}

}  // namespace nbdfuse
