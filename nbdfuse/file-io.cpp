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

// What went wrong, if its caller still waits.
void FileSystem::answer_error(Reply& reply, Status status) {
  if (fuse_req_t const req = reply.claim(); req != nullptr) fuse_reply_err(req, status.errnum());
}

void FileSystem::read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info*) {
  const auto at = static_cast<uint64_t>(offset);
  File* const file = open_file_at(ino);
  if (file == nullptr || size > kMaxPayload) {
    fuse_reply_err(req, EINVAL);
  } else if (at >= file->disk().size()) {
    fuse_reply_buf(req, nullptr, 0);
  } else {
    const uint64_t count = std::min<uint64_t>(size, file->disk().size() - at);
    answer_read(req, std::move(incoming), *file, count, at);
  }
}

// The kernel's request has been taken out of its buffer, which is free to
// receive the data now.
Detached FileSystem::answer_read(fuse_req_t req, Buffer buffer, File& file, size_t size,
                                 uint64_t offset) {
  Reply reply(callers_, req, buffer.slot());
  Stats::Timer timer(stats_, Stats::Kind::read, size);
  const Status status = co_await file.disk().read({buffer.data(), size}, offset);
  timer.done(status);
  if (!status.ok()) {
    answer_error(reply, status);
  } else if (fuse_req_t const r = reply.claim(); r != nullptr) {
    fuse_reply_buf(r, reinterpret_cast<const char*>(buffer.data()), size);
  }
}

// Up to the end of the disk, as much as there is room for; there, ENOSPC.
void FileSystem::write(fuse_req_t req, fuse_ino_t ino, const char* data, size_t size, off_t offset,
                       fuse_file_info*) {
  const auto at = static_cast<uint64_t>(offset);
  File* const file = open_file_at(ino);
  if (file == nullptr) {
    fuse_reply_err(req, EINVAL);
  } else if (file->disk().exported().read_only) {
    fuse_reply_err(req, EROFS);
  } else if (at >= file->disk().size()) {
    fuse_reply_err(req, ENOSPC);
  } else {
    const uint64_t count = std::min<uint64_t>(size, file->disk().size() - at);
    answer_write(req, std::move(incoming), *file, data, count, at);
  }
}

Detached FileSystem::answer_write(fuse_req_t req, Buffer buffer, File& file, const char* data,
                                  size_t size, uint64_t offset) {
  Reply reply(callers_, req, buffer.slot());
  Stats::Timer timer(stats_, Stats::Kind::write, size);
  const auto* const bytes = reinterpret_cast<const std::byte*>(data);
  const Status status = co_await file.disk().write({bytes, size}, offset);
  timer.done(status);
  if (status.ok()) file.written();
  if (!status.ok()) {
    answer_error(reply, status);
  } else if (fuse_req_t const r = reply.claim(); r != nullptr) {
    fuse_reply_write(r, size);
  }
}

void FileSystem::fsync(fuse_req_t req, fuse_ino_t ino, int, fuse_file_info*) {
  File* const file = open_file_at(ino);
  if (file == nullptr) {
    fuse_reply_err(req, 0);  // nothing can have been written
  } else {
    answer_fsync(req, std::move(incoming), *file);
  }
}

Detached FileSystem::answer_fsync(fuse_req_t req, Buffer buffer, File& file) {
  Reply reply(callers_, req, buffer.slot());
  Stats::Timer timer(stats_, Stats::Kind::flush, 0);
  const Status status = co_await file.disk().flush();
  timer.done(status);
  answer_error(reply, status);
}

void FileSystem::fsyncdir(fuse_req_t req, fuse_ino_t, int, fuse_file_info*) {
  answer_fsyncdir(req, std::move(incoming));
}

// Of the directory: all that is in it. The first error is its own.
Detached FileSystem::answer_fsyncdir(fuse_req_t req, Buffer buffer) {
  Reply reply(callers_, req, buffer.slot());
  Stats::Timer timer(stats_, Stats::Kind::flush, 0);
  Status result;
  for (const auto& file : files_) {
    if (!file->dirty()) continue;
    const Status status = co_await file->disk().flush();
    if (result.ok()) result = status;
  }
  timer.done(result);
  answer_error(reply, result);
}

void FileSystem::fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
                           fuse_file_info*) {
  const int what = mode & ~FALLOC_FL_KEEP_SIZE;
  const auto at = static_cast<uint64_t>(offset);
  const auto count = static_cast<uint64_t>(length);
  File* const file = open_file_at(ino);
  const uint64_t size = file != nullptr ? file->disk().size() : 0;
  const uint64_t room = at < size ? size - at : 0;
  const bool punch = what == FALLOC_FL_PUNCH_HOLE;
  if (file == nullptr || (what != 0 && what != FALLOC_FL_ZERO_RANGE && !punch)) {
    fuse_reply_err(req, EOPNOTSUPP);
  } else if (file->disk().exported().read_only) {
    fuse_reply_err(req, EROFS);
  } else if (count > room && !punch) {
    fuse_reply_err(req, ENOSPC);
  } else if (what == 0 || room == 0) {
    fuse_reply_err(req, 0);  // a disk has its blocks; past its end there is nothing to punch
  } else {
    answer_zero(req, std::move(incoming), *file, at, std::min(count, room), !punch);
  }
}

Detached FileSystem::answer_zero(fuse_req_t req, Buffer buffer, File& file, uint64_t offset,
                                 uint64_t length, bool allocate) {
  Reply reply(callers_, req, buffer.slot());
  Stats::Timer timer(stats_, allocate ? Stats::Kind::zero : Stats::Kind::punch, length);
  const Status status = co_await file.disk().zero(offset, length, allocate);
  timer.done(status);
  if (status.ok()) file.written();
  answer_error(reply, status);
}

// Only SEEK_DATA and SEEK_HOLE arrive here.
void FileSystem::lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, fuse_file_info*) {
  File* const file = open_file_at(ino);
  if (file == nullptr || (whence != SEEK_DATA && whence != SEEK_HOLE)) {
    fuse_reply_err(req, EINVAL);
  } else {
    answer_seek(req, std::move(incoming), ino, static_cast<uint64_t>(offset), whence == SEEK_HOLE);
  }
}

Detached FileSystem::answer_seek(fuse_req_t req, Buffer buffer, fuse_ino_t ino, uint64_t offset,
                                 bool hole) {
  File& file = *file_at(ino);
  Reply reply(callers_, req, buffer.slot());
  Stats::Timer timer(stats_, Stats::Kind::extents, 0);
  Found found = co_await file.disk().seek(offset, hole);
  // Where the server has a hole the kernel may hold data of a mapping, or of
  // --cache=writeback, that it has not written yet. To invalidate has it do that; it
  // waits for us, so not in a thread that serves it.
  const uint64_t end = found.status.ok() ? found.offset : file.disk().size();
  if (!hole && end > offset && offset < file.disk().size() && !file.disk().exported().read_only) {
    co_await writer_back_.hop();
    (void)fuse_lowlevel_notify_inval_inode(session_, ino, static_cast<off_t>(offset),
                                           static_cast<off_t>(end - offset));
    found = co_await file.disk().seek(offset, hole);
  }
  timer.done(found.status == Status(ENXIO) ? nbd::kOk : found.status);
  if (!found.status.ok()) {
    answer_error(reply, found.status);
  } else if (fuse_req_t const r = reply.claim(); r != nullptr) {
    fuse_reply_lseek(r, static_cast<off_t>(found.offset));
  }
}

}  // namespace nbdfuse
