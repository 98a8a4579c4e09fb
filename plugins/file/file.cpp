// SPDX-License-Identifier: BSD-3-Clause
//
// file: a regular file or a block device as a disk, or all of those in a folder
// as exports.
#include <nbdkit/plugin.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "disk-file.hpp"
#include "eviction.hpp"

NBDKIT_DEBUG_FLAG(file_debug_zero);

namespace {

using nbd::Flags;
using nbd::Status;

using disk_file::fail;
using disk_file::is_servable;

struct File {
  static constexpr auto name = "file";
  static constexpr auto longname = "nbdkit file plugin";
  static constexpr auto description = "Serve a file or a block device, or those in a folder";
  static constexpr auto help =
      "[file=]<FILENAME>             the file to serve\n"
      "dir=<DIRECTORY>               serve the files in it, by export name\n"
      "fd=<FD>, dirfd=<FD>           the same, already open in the process that starts nbdkit\n"
      "cache=default|none            none: keep what was read or written out of the page cache\n"
      "fadvise=normal|random|sequential   how it will be read";
  static constexpr auto magic_key = "file";
  static constexpr bool tells_holes = true;

  bool config(std::string_view key, std::string_view value) {
    if (key == "file") {
      set_path(file_, nbd::absolute_path(value));
    } else if (key == "dir" || key == "directory") {
      set_path(dir_, nbd::absolute_path(value));
    } else if (key == "fd") {
      set_path(file_, path_of_fd(key, value));
    } else if (key == "dirfd") {
      set_path(dir_, path_of_fd(key, value));
    } else if (key == "cache") {
      cache_none_ = one_of(key, value, {"default", "none"}) == 1;
    } else if (key == "fadvise") {
      const int advice[] = {POSIX_FADV_NORMAL, POSIX_FADV_RANDOM, POSIX_FADV_SEQUENTIAL};
      fadvise_ = advice[one_of(key, value, {"normal", "random", "sequential"})];
    } else {
      return false;
    }
    return true;
  }

  void config_complete() {
    if (file_.empty() && dir_.empty()) {
      throw nbd::Error("file: give one of file=<FILENAME>, dir=<DIRECTORY>, fd=<FD>, dirfd=<FD>");
    }
    struct stat s{};
    const std::string& path = file_.empty() ? dir_ : file_;
    if (::stat(path.c_str(), &s) == -1) fail("file: cannot serve", path);
    if (!file_.empty() && !is_servable(s.st_mode)) {
      throw nbd::Error("file: not a regular file or block device: " + path);
    }
    if (file_.empty() && !S_ISDIR(s.st_mode)) throw nbd::Error("file: not a folder: " + path);
  }

  void list_exports(nbd::ExportList& out) {
    if (dir_.empty()) return out.add("");
    const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(dir_.c_str()), ::closedir);
    if (dir == nullptr) fail("file: cannot read", dir_);
    std::vector<std::string> names;
    while (const dirent* entry = ::readdir(dir.get())) {
      struct stat s{};
      if (::fstatat(::dirfd(dir.get()), entry->d_name, &s, 0) == 0 && is_servable(s.st_mode)) {
        names.emplace_back(entry->d_name);
      }
    }
    std::sort(names.begin(), names.end());
    for (const std::string& n : names) out.add(n);
  }

  // The path of what the client asked for.
  std::string path_of(const std::string& export_name) const {
    if (dir_.empty()) return file_;
    if (export_name.empty()) throw nbd::Error(ENOENT, "file: the client must name an export");
    if (export_name.find('/') != std::string::npos) {
      throw nbd::Error(ENOENT, "file: an export name may not contain '/': " + export_name);
    }
    return dir_ + "/" + export_name;
  }

  // For scripts that ask how the original was built.
  void dump_plugin() {
    std::printf(
        "file_blksszget=yes\nfile_blkzeroout=yes\n"
        "file_falloc_fl_punch_hole=yes\nfile_falloc_fl_zero_range=yes\n");
  }

  struct Connection;

 private:
  void set_path(std::string& which, std::string path) {
    if (!file_.empty() || !dir_.empty()) {
      throw nbd::Error("file: only one of file=, dir=, fd= and dirfd= can be given, and once");
    }
    which = std::move(path);
  }

  // Through /proc every client gets an open file of its own, as from a path,
  // also of one that has no name any more.
  std::string path_of_fd(std::string_view key, std::string_view value) {
    const std::string what = std::string(key) + "=" + std::string(value);
    const uint64_t fd = nbd::parse_uint64(key, value);
    if (fd <= STDERR_FILENO || fd > INT_MAX) {
      throw nbd::Error("file: " + what + ": not a descriptor above 2");
    }
    const int flags = ::fcntl(static_cast<int>(fd), F_GETFL);
    if (flags == -1) fail("file: not an open descriptor:", what);
    if ((flags & O_ACCMODE) == O_WRONLY) throw nbd::Error("file: " + what + " cannot be read");
    if ((flags & O_ACCMODE) == O_RDONLY && key == "fd") read_only_ = true;
    // Not for the command of --run.
    if (::fcntl(static_cast<int>(fd), F_SETFD, FD_CLOEXEC) == -1) fail("file: cannot keep", what);
    return "/proc/self/fd/" + std::to_string(fd);
  }

  static size_t one_of(std::string_view key, std::string_view value,
                       std::initializer_list<std::string_view> words) {
    const auto found = std::find(words.begin(), words.end(), value);
    if (found != words.end()) return static_cast<size_t>(found - words.begin());
    throw nbd::Error("file: unknown value: " + std::string(key) + "=" + std::string(value));
  }

  std::string file_, dir_;  // one of them is empty
  bool read_only_ = false;  // no matter what could be done with the path
  bool cache_none_ = false;
  int fadvise_ = POSIX_FADV_NORMAL;
};

struct File::Connection : disk_file::DiskFile {
  Connection(File& plugin, bool read_only)
      : DiskFile(plugin.path_of(nbdkit_export_name()), read_only || plugin.read_only_),
        eviction_(plugin.cache_none_) {
    ::posix_fadvise(fd(), 0, 0, plugin.fadvise_);
  }

  Status pread(std::span<std::byte> buf, uint64_t offset, Flags flags) {
    const Status s = DiskFile::pread(buf, offset, flags);
    if (s.ok()) eviction_.after_read(fd(), offset, buf.size());
    return s;
  }
  bool pread_now(std::span<std::byte> buf, uint64_t offset) {
    return !eviction_.is_on() && DiskFile::pread_now(buf, offset);
  }
  // What is to leave the page cache has to be read by us, who see it leave.
  bool lend(uint32_t count, uint64_t offset, nbd::Lender& out) {
    if (eviction_.is_on()) return false;
    out.file(fd(), offset, count);
    return true;
  }
  Status pwrite(std::span<const std::byte> buf, uint64_t offset, Flags flags) {
    const Status s = DiskFile::pwrite(buf, offset, flags);
    if (s.ok()) eviction_.after_write(fd(), offset, buf.size());
    return s;
  }

 private:
  Eviction eviction_;
};

}  // namespace

NBDKIT_PLUGIN(File)
