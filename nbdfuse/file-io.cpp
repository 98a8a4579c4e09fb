// SPDX-License-Identifier: BSD-3-Clause
//
// The operations on data. Each checks, then starts a coroutine that owns the
// request's buffer until it has answered.
#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "file-system.hpp"

namespace nbdfuse {

void FileSystem::read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info*) {
  const auto at = static_cast<uint64_t>(offset);
  if (!is_file(ino) || size > kMaxPayload) {
    fuse_reply_err(req, EINVAL);
  } else if (at >= disk_.size()) {
    fuse_reply_buf(req, nullptr, 0);
  } else {
    answer_read(req, std::move(incoming), std::min<uint64_t>(size, disk_.size() - at), at);
  }
}

// The kernel's request has been taken out of its buffer, which is free to
// receive the data now.
Detached FileSystem::answer_read(fuse_req_t req, Buffer buffer, size_t size, uint64_t offset) {
  const Status status = co_await disk_.read({buffer.data(), size}, offset);
  if (status.ok()) {
    fuse_reply_buf(req, reinterpret_cast<const char*>(buffer.data()), size);
  } else {
    fuse_reply_err(req, status.errnum());
  }
}

// Up to the end of the disk, as much as there is room for; there, ENOSPC.
void FileSystem::write(fuse_req_t req, fuse_ino_t ino, const char* data, size_t size, off_t offset,
                       fuse_file_info*) {
  const auto at = static_cast<uint64_t>(offset);
  if (!is_file(ino)) {
    fuse_reply_err(req, EINVAL);
  } else if (read_only()) {
    fuse_reply_err(req, EROFS);
  } else if (at >= disk_.size()) {
    fuse_reply_err(req, ENOSPC);
  } else {
    answer_write(req, std::move(incoming), data, std::min<uint64_t>(size, disk_.size() - at), at);
  }
}

Detached FileSystem::answer_write(fuse_req_t req, [[maybe_unused]] Buffer buffer, const char* data,
                                  size_t size, uint64_t offset) {
  const auto* const bytes = reinterpret_cast<const std::byte*>(data);
  const Status status = co_await disk_.write({bytes, size}, offset);
  if (status.ok()) {
    written();
    fuse_reply_write(req, size);
  } else {
    fuse_reply_err(req, status.errnum());
  }
}

void FileSystem::fsync(fuse_req_t req, fuse_ino_t, int, fuse_file_info*) {
  answer_fsync(req, std::move(incoming));
}

Detached FileSystem::answer_fsync(fuse_req_t req, [[maybe_unused]] Buffer buffer) {
  const Status status = co_await disk_.flush();
  fuse_reply_err(req, status.errnum());
}

void FileSystem::fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
                           fuse_file_info*) {
  const int what = mode & ~FALLOC_FL_KEEP_SIZE;
  const auto at = static_cast<uint64_t>(offset);
  const auto count = static_cast<uint64_t>(length);
  const uint64_t room = at < disk_.size() ? disk_.size() - at : 0;
  const bool punch = what == FALLOC_FL_PUNCH_HOLE;
  if (!is_file(ino) || (what != 0 && what != FALLOC_FL_ZERO_RANGE && !punch)) {
    fuse_reply_err(req, EOPNOTSUPP);
  } else if (read_only()) {
    fuse_reply_err(req, EROFS);
  } else if (count > room && !punch) {
    fuse_reply_err(req, ENOSPC);
  } else if (what == 0 || room == 0) {
    fuse_reply_err(req, 0);  // a disk has its blocks; past its end there is nothing to punch
  } else {
    answer_zero(req, std::move(incoming), at, std::min(count, room), !punch);
  }
}

Detached FileSystem::answer_zero(fuse_req_t req, [[maybe_unused]] Buffer buffer, uint64_t offset,
                                 uint64_t length, bool allocate) {
  const Status status = co_await disk_.zero(offset, length, allocate);
  if (status.ok()) written();
  fuse_reply_err(req, status.errnum());
}

// Only SEEK_DATA and SEEK_HOLE arrive here.
void FileSystem::lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, fuse_file_info*) {
  if (!is_file(ino) || (whence != SEEK_DATA && whence != SEEK_HOLE)) {
    fuse_reply_err(req, EINVAL);
  } else {
    answer_seek(req, std::move(incoming), static_cast<uint64_t>(offset), whence == SEEK_HOLE);
  }
}

Detached FileSystem::answer_seek(fuse_req_t req, [[maybe_unused]] Buffer buffer, uint64_t offset,
                                 bool hole) {
  const Found found = co_await disk_.seek(offset, hole);
  if (found.status.ok()) {
    fuse_reply_lseek(req, static_cast<off_t>(found.offset));
  } else {
    fuse_reply_err(req, found.status.errnum());
  }
}

}  // namespace nbdfuse
