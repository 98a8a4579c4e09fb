// SPDX-License-Identifier: BSD-3-Clause
#include "overlay-file.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <nbdkit/sdk.hpp>

#include <cerrno>
#include <cstring>
#include <string>

namespace cow {

using nbd::Status;

namespace {

// To a client a file that may not grow is a disk that is full.
Status failed(const char* what, int errnum) {
  nbdkit_error("cow: overlay: %s: %s", what, std::strerror(errnum));
  return Status(errnum == EFBIG || errnum == EDQUOT ? ENOSPC : errnum);
}

bool reaches_too_far(uint64_t count, uint64_t at) {
  return at > INT64_MAX || count > INT64_MAX - at;
}

// What is left once `done` bytes are.
std::span<iovec> leave_out(std::span<iovec> parts, size_t done) {
  while (!parts.empty() && done >= parts.front().iov_len) {
    done -= parts.front().iov_len;
    parts = parts.subspan(1);
  }
  if (!parts.empty()) {
    parts.front().iov_base = static_cast<std::byte*>(parts.front().iov_base) + done;
    parts.front().iov_len -= done;
  }
  return parts;
}

}  // namespace

OverlayFile::OverlayFile() {
  const char* folder = ::getenv("TMPDIR");
  std::string name = nbd::absolute_path(folder != nullptr && *folder != '\0' ? folder : "/var/tmp");
  name += "/nbdkit-cow-XXXXXX";
  fd_ = nbd::Fd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd_) {
    const int errnum = errno;
    throw nbd::Error(errnum, "cow: cannot make the overlay " + name + ": " + std::strerror(errnum));
  }
  ::unlink(name.c_str());
}

Status OverlayFile::read(std::span<std::byte> buf, uint64_t at) const {
  while (!buf.empty()) {
    const ssize_t n = ::pread(fd_.get(), buf.data(), buf.size(), static_cast<off_t>(at));
    if (n == -1 && errno == EINTR) continue;
    if (n == -1) return failed("pread", errno);
    if (n == 0) return failed("pread past the end", EIO);
    buf = buf.subspan(static_cast<size_t>(n));
    at += static_cast<uint64_t>(n);
  }
  return nbd::kOk;
}

bool OverlayFile::try_read(std::span<std::byte> buf, uint64_t at) const {
  const iovec part{buf.data(), buf.size()};
  return ::preadv2(fd_.get(), &part, 1, static_cast<off_t>(at), RWF_NOWAIT) ==
         static_cast<ssize_t>(buf.size());
}

Status OverlayFile::write(std::span<iovec> parts, uint64_t at) const {
  parts = leave_out(parts, 0);  // empty ones in front
  while (!parts.empty()) {
    if (reaches_too_far(parts.front().iov_len, at)) return failed("pwrite", EFBIG);
    const ssize_t n =
        ::pwritev(fd_.get(), parts.data(), static_cast<int>(parts.size()), static_cast<off_t>(at));
    if (n == -1 && errno == EINTR) continue;
    if (n == -1) return failed("pwrite", errno);
    parts = leave_out(parts, static_cast<size_t>(n));
    at += static_cast<uint64_t>(n);
  }
  return nbd::kOk;
}

Status OverlayFile::provide(uint64_t count, uint64_t at) const {
  if (reaches_too_far(count, at)) return failed("fallocate", EFBIG);
  while (::fallocate(fd_.get(), 0, static_cast<off_t>(at), static_cast<off_t>(count)) == -1) {
    if (errno == EINTR) continue;
    if (errno == EOPNOTSUPP || errno == ENOSYS) return Status(EOPNOTSUPP);
    return failed("fallocate", errno);
  }
  return nbd::kOk;
}

void OverlayFile::discard(uint64_t count, uint64_t at) const {
  if (reaches_too_far(count, at)) return;
  while (::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(at),
                     static_cast<off_t>(count)) == -1 &&
         errno == EINTR) {
  }
}

void OverlayFile::prefetch(uint64_t count, uint64_t at) const {
  ::posix_fadvise(fd_.get(), static_cast<off_t>(at), static_cast<off_t>(count),
                  POSIX_FADV_WILLNEED);
}

}  // namespace cow
