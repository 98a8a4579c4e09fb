// SPDX-License-Identifier: BSD-3-Clause
#include "disk-file.hpp"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <utility>

// -D file.zero=1; the other plugins that are made of this have no such flag.
extern "C" __attribute__((weak)) int file_debug_zero;

namespace disk_file {

using nbd::Flags;
using nbd::Status;

namespace {

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

}  // namespace

void fail(const std::string& what, const std::string& name) {
  const int errnum = errno;
  throw nbd::Error(errnum, what + " " + name + ": " + std::strerror(errnum));
}

bool is_servable(unsigned mode) { return S_ISREG(mode) || S_ISBLK(mode); }

DiskFile::DiskFile(std::string path, bool read_only) : path_(std::move(path)) {
  struct stat s{};
  // Looked at before it is opened: a pipe would wait for its other end, and a
  // device may do something when it is opened.
  if (::stat(path_.c_str(), &s) == -1) fail("cannot open", path_);
  if (!is_servable(s.st_mode)) throw nbd::Error("not a regular file or block device: " + path_);
  if (!read_only) {
    fd_ = nbd::Fd(::open(path_.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY));
    writable_ = static_cast<bool>(fd_);
    // What cannot be written to is served read-only.
    if (!fd_ && errno != EACCES && errno != EROFS && errno != EPERM) fail("cannot open", path_);
  }
  if (!fd_) fd_ = nbd::Fd(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd_) fail("cannot open", path_);
  if (::fstat(fd_.get(), &s) == -1) fail("cannot inspect", path_);
  if (!is_servable(s.st_mode)) throw nbd::Error("not a regular file or block device: " + path_);
  is_block_device_ = S_ISBLK(s.st_mode);
}

uint64_t DiskFile::size() {
  const off_t end = ::lseek(fd_.get(), 0, SEEK_END);
  if (end == -1) fail("cannot find the size of", path_);
  return static_cast<uint64_t>(end);
}

bool DiskFile::can_extents() { return ::lseek(fd_.get(), 0, SEEK_HOLE) != -1; }

Status DiskFile::pread(std::span<std::byte> buf, uint64_t offset, Flags) {
  while (!buf.empty()) {
    const ssize_t n = ::pread(fd_.get(), buf.data(), buf.size(), static_cast<off_t>(offset));
    if (n == -1 && errno == EINTR) continue;
    if (n == -1) return failed("pread", errno);
    if (n == 0) return failed("pread past the end: the file has shrunk", EIO);
    buf = buf.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return nbd::kOk;
}

bool DiskFile::pread_now(std::span<std::byte> buf, uint64_t offset) {
  const iovec part{buf.data(), buf.size()};
  return ::preadv2(fd_.get(), &part, 1, static_cast<off_t>(offset), RWF_NOWAIT) ==
         static_cast<ssize_t>(buf.size());
}

Status DiskFile::pwrite(std::span<const std::byte> buf, uint64_t offset, Flags flags) {
  while (!buf.empty()) {
    const ssize_t n = ::pwrite(fd_.get(), buf.data(), buf.size(), static_cast<off_t>(offset));
    if (n == -1 && errno == EINTR) continue;
    if (n == -1) return failed("pwrite", errno);
    buf = buf.subspan(static_cast<size_t>(n));
    offset += static_cast<uint64_t>(n);
  }
  return has(flags, Flags::fua) ? flush(Flags::none) : nbd::kOk;
}

Status DiskFile::flush(Flags) {
  const int error = attempt([&] { return ::fdatasync(fd_.get()); });
  return error == 0 ? nbd::kOk : failed("fdatasync", error);
}

Status DiskFile::trim(uint32_t count, uint64_t offset, Flags flags) {
  const int error = fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, count);
  // Advice that cannot be taken is not an error.
  if (error != 0 && !is_unsupported(error)) return failed("fallocate(punch hole)", error);
  return has(flags, Flags::fua) ? flush(Flags::none) : nbd::kOk;
}

Status DiskFile::zero(uint32_t count, uint64_t offset, Flags flags) {
  int error = EOPNOTSUPP;
  const auto tried = [&](const char* how, int outcome) {
    error = outcome;
    if (&file_debug_zero == nullptr || file_debug_zero == 0) return;
    nbd::log_debug("file: zero: " + std::string(how) + " of " + std::to_string(count) +
                   " bytes at " + std::to_string(offset) + ": " +
                   (error == 0 ? "done" : std::strerror(error)));
  };
  if (has(flags, Flags::may_trim)) {
    tried("punching a hole", fallocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, count));
  }
  if (is_unsupported(error)) {
    tried("zeroing a range", fallocate(FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, offset, count));
  }
  // A block device without a zeroing command writes the zeroes itself, which
  // is no faster than the client's.
  if (is_unsupported(error) && is_block_device_ && !has(flags, Flags::fast_zero)) {
    uint64_t range[2] = {offset, count};
    tried("zeroing by the device", attempt([&] { return ::ioctl(fd_.get(), BLKZEROOUT, range); }));
  }
  if (is_unsupported(error)) return Status(EOPNOTSUPP);  // the server writes
  if (error != 0) return failed("zero", error);
  return has(flags, Flags::fua) ? flush(Flags::none) : nbd::kOk;
}

Status DiskFile::cache(uint32_t count, uint64_t offset, Flags) {
  const int error =
      ::posix_fadvise(fd_.get(), static_cast<off_t>(offset), count, POSIX_FADV_WILLNEED);
  return error == 0 ? nbd::kOk : failed("posix_fadvise", error);
}

Status DiskFile::extents(uint32_t count, uint64_t offset, Flags flags, nbd::ExtentList& out,
                         uint64_t shift, uint64_t limit) {
  const uint64_t end = offset + count;
  while (offset < end) {
    off_t data = ::lseek(fd_.get(), static_cast<off_t>(offset), SEEK_DATA);
    if (data == -1 && errno == ENXIO) {  // a hole to the end, or no file there any more
      if (size() < end) return failed("extents: the file has shrunk", EIO);
      data = static_cast<off_t>(end);
    }
    if (data == -1) return failed("lseek(SEEK_DATA)", errno);
    const uint64_t hole_end = std::min(static_cast<uint64_t>(data), limit);
    if (hole_end > offset) {
      const Status s =
          out.add(shift + offset, hole_end - offset, nbd::kExtentHole | nbd::kExtentZero);
      if (!s.ok() || has(flags, Flags::req_one)) return s;
    }
    if (hole_end >= end) break;
    const off_t hole = ::lseek(fd_.get(), data, SEEK_HOLE);
    if (hole == -1) return failed("lseek(SEEK_HOLE)", errno == ENXIO ? EIO : errno);
    const uint64_t data_end = std::min(static_cast<uint64_t>(hole), limit);
    offset = data_end;
    if (data_end == hole_end) continue;  // somebody has just made a hole of it
    const Status s = out.add(shift + hole_end, data_end - hole_end, 0);
    if (!s.ok() || has(flags, Flags::req_one)) return s;
  }
  return nbd::kOk;
}

int DiskFile::fallocate(int mode, uint64_t offset, uint64_t count) {
  return attempt([&] {
    return ::fallocate(fd_.get(), mode, static_cast<off_t>(offset), static_cast<off_t>(count));
  });
}

Status DiskFile::failed(const char* what, int errnum) const {
  nbdkit_error("%s: %s: %s", what, path_.c_str(), std::strerror(errnum));
  return Status(errnum);
}

}  // namespace disk_file
