// SPDX-License-Identifier: BSD-3-Clause
//
// file: a regular file or a block device as a disk, or all of those in a folder
// as exports.
//
// Threads: requests of all clients run at the same time; the kernel orders
// them. Each client has a descriptor of its own, but fdatasync() of one covers
// what was written through all, so several connections are safe.
#include <nbdkit/plugin.hpp>

#include <dirent.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "eviction.hpp"

namespace {

using nbd::Flags;
using nbd::Status;

[[noreturn]] void fail(const std::string& what, const std::string& name) {
  const int errnum = errno;
  throw nbd::Error(errnum, what + " " + name + ": " + std::strerror(errnum));
}

bool is_servable(mode_t mode) { return S_ISREG(mode) || S_ISBLK(mode); }

// Calls until it is not EINTR; 0 or an errno.
template <class Call>
int attempt(Call&& call) {
  while (call() == -1) {
    if (errno != EINTR) return errno;
  }
  return 0;
}

bool is_unsupported(int errnum) {
  return errnum == EOPNOTSUPP || errnum == ENOSYS || errnum == ENOTTY || errnum == EINVAL;
}

struct File {
  static constexpr auto name = "file";
  static constexpr auto longname = "nbdkit file plugin";
  static constexpr auto description = "Serve a file or a block device, or those in a folder";
  static constexpr auto help =
      "[file=]<FILENAME>             the file to serve\n"
      "dir=<DIRECTORY>               serve the files in it, by export name\n"
      "cache=default|none            none: keep what was read or written out of the page cache\n"
      "fadvise=normal|random|sequential   how it will be read";
  static constexpr auto magic_key = "file";

  bool config(std::string_view key, std::string_view value) {
    if (key == "file") {
      file_ = nbd::absolute_path(value);
    } else if (key == "dir" || key == "directory") {
      dir_ = nbd::absolute_path(value);
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
    if (file_.empty() == dir_.empty()) {
      throw nbd::Error("file: give either file=<FILENAME> or dir=<DIRECTORY>");
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

  struct Connection;

 private:
  static size_t one_of(std::string_view key, std::string_view value,
                       std::initializer_list<std::string_view> words) {
    const auto found = std::find(words.begin(), words.end(), value);
    if (found != words.end()) return static_cast<size_t>(found - words.begin());
    throw nbd::Error("file: unknown value: " + std::string(key) + "=" + std::string(value));
  }

  std::string file_, dir_;
  bool cache_none_ = false;
  int fadvise_ = POSIX_FADV_NORMAL;
};

struct File::Connection {
  Connection(File& plugin, bool read_only)
      : path_(plugin.path_of(nbdkit_export_name())), eviction_(plugin.cache_none_) {
    open(read_only);
    struct stat s{};
    if (::fstat(fd_.get(), &s) == -1) fail("file: cannot inspect", path_);
    if (!is_servable(s.st_mode)) {
      throw nbd::Error("file: not a regular file or block device: " + path_);
    }
    is_block_device_ = S_ISBLK(s.st_mode);
    ::posix_fadvise(fd_.get(), 0, 0, plugin.fadvise_);
  }

  uint64_t size() {
    const off_t end = ::lseek(fd_.get(), 0, SEEK_END);
    if (end == -1) fail("file: cannot find the size of", path_);
    return static_cast<uint64_t>(end);
  }
  bool can_write() { return writable_; }
  bool can_multi_conn() { return true; }
  bool can_fast_zero() { return true; }
  bool can_extents() { return ::lseek(fd_.get(), 0, SEEK_HOLE) != -1; }
  nbd::Support can_fua() { return nbd::Support::native; }
  nbd::Support can_cache() { return nbd::Support::native; }

  Status pread(std::span<std::byte> buf, uint64_t offset, Flags) {
    const uint64_t start = offset;
    const size_t count = buf.size();
    while (!buf.empty()) {
      const ssize_t n = ::pread(fd_.get(), buf.data(), buf.size(), static_cast<off_t>(offset));
      if (n == -1 && errno == EINTR) continue;
      if (n == -1) return failed("pread", errno);
      if (n == 0) return failed("pread past the end: the file has shrunk", EIO);
      buf = buf.subspan(static_cast<size_t>(n));
      offset += static_cast<uint64_t>(n);
    }
    eviction_.after_read(fd_.get(), start, count);
    return nbd::kOk;
  }

  Status pwrite(std::span<const std::byte> buf, uint64_t offset, Flags flags) {
    const uint64_t start = offset;
    const size_t count = buf.size();
    while (!buf.empty()) {
      const ssize_t n = ::pwrite(fd_.get(), buf.data(), buf.size(), static_cast<off_t>(offset));
      if (n == -1 && errno == EINTR) continue;
      if (n == -1) return failed("pwrite", errno);
      buf = buf.subspan(static_cast<size_t>(n));
      offset += static_cast<uint64_t>(n);
    }
    if (has(flags, Flags::fua)) {
      if (const Status s = flush(Flags::none); !s.ok()) return s;
    }
    eviction_.after_write(fd_.get(), start, count);
    return nbd::kOk;
  }

  Status flush(Flags) {
    const int error = attempt([&] { return ::fdatasync(fd_.get()); });
    return error == 0 ? nbd::kOk : failed("fdatasync", error);
  }

  Status trim(uint32_t count, uint64_t offset, Flags flags) {
    const int error = fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, count);
    // Advice that cannot be taken is not an error.
    if (error != 0 && !is_unsupported(error)) return failed("fallocate(punch hole)", error);
    return has(flags, Flags::fua) ? flush(Flags::none) : nbd::kOk;
  }

  Status zero(uint32_t count, uint64_t offset, Flags flags) {
    int error = EOPNOTSUPP;
    if (has(flags, Flags::may_trim)) {
      error = fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, count);
    }
    if (is_unsupported(error)) {
      error = fallocate(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, count);
    }
    // A block device without a zeroing command writes the zeroes itself, which
    // is no faster than the client's.
    if (is_unsupported(error) && is_block_device_ && !has(flags, Flags::fast_zero)) {
      uint64_t range[2] = {offset, count};
      error = attempt([&] { return ::ioctl(fd_.get(), BLKZEROOUT, range); });
    }
    if (is_unsupported(error)) return Status(EOPNOTSUPP);  // the server writes
    if (error != 0) return failed("zero", error);
    return has(flags, Flags::fua) ? flush(Flags::none) : nbd::kOk;
  }

  Status cache(uint32_t count, uint64_t offset, Flags) {
    const int error =
        ::posix_fadvise(fd_.get(), static_cast<off_t>(offset), count, POSIX_FADV_WILLNEED);
    return error == 0 ? nbd::kOk : failed("posix_fadvise", error);
  }

  Status extents(uint32_t count, uint64_t offset, Flags flags, nbd::ExtentList& out) {
    const uint64_t end = offset + count;
    while (offset < end) {
      off_t data = ::lseek(fd_.get(), static_cast<off_t>(offset), SEEK_DATA);
      if (data == -1 && errno == ENXIO) data = static_cast<off_t>(end);  // a hole to the end
      if (data == -1) return failed("lseek(SEEK_DATA)", errno);
      const auto hole_end = static_cast<uint64_t>(data);
      if (hole_end > offset) {
        const Status s = out.add(offset, hole_end - offset, nbd::kExtentHole | nbd::kExtentZero);
        if (!s.ok() || has(flags, Flags::req_one)) return s;
      }
      if (hole_end >= end) break;
      const off_t hole = ::lseek(fd_.get(), data, SEEK_HOLE);
      if (hole == -1) return failed("lseek(SEEK_HOLE)", errno);
      const Status s = out.add(hole_end, static_cast<uint64_t>(hole - data), 0);
      if (!s.ok() || has(flags, Flags::req_one)) return s;
      offset = static_cast<uint64_t>(hole);
    }
    return nbd::kOk;
  }

 private:
  void open(bool read_only) {
    if (!read_only) {
      fd_ = nbd::Fd(::open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY));
      writable_ = static_cast<bool>(fd_);
      // What cannot be written to is served read-only.
      if (!fd_ && errno != EACCES && errno != EROFS && errno != EPERM)
        fail("file: cannot open", path_);
    }
    if (!fd_) fd_ = nbd::Fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (!fd_) fail("file: cannot open", path_);
  }

  int fallocate(int mode, uint64_t offset, uint64_t count) {
    return attempt([&] {
      return ::fallocate(fd_.get(), mode, static_cast<off_t>(offset), static_cast<off_t>(count));
    });
  }

  Status failed(const char* what, int errnum) const {
    nbdkit_error("%s: %s: %s", what, path_.c_str(), std::strerror(errnum));
    return Status(errnum);
  }

  std::string path_;
  nbd::Fd fd_;
  bool writable_ = false;
  bool is_block_device_ = false;
  Eviction eviction_;
};

}  // namespace

NBDKIT_PLUGIN(File)
