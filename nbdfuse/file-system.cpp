// SPDX-License-Identifier: BSD-3-Clause
#include "file-system.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

namespace nbdfuse {

namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

int64_t to_ns(const timespec& t) { return t.tv_sec * kNsPerSecond + t.tv_nsec; }
timespec to_timespec(int64_t ns) { return {ns / kNsPerSecond, ns % kNsPerSecond}; }
int64_t now_ns() {
  timespec now;
  ::clock_gettime(CLOCK_REALTIME, &now);
  return to_ns(now);
}

// The edge to C: finds the FileSystem, and no exception leaves. Only memory can
// run out there, before the request was answered.
template <auto Method>
struct Edge;
template <class... Args, void (FileSystem::*Method)(fuse_req_t, Args...)>
struct Edge<Method> {
  static void call(fuse_req_t req, Args... args) noexcept {
    try {
      (static_cast<FileSystem*>(fuse_req_userdata(req))->*Method)(req, args...);
    } catch (...) {
      fuse_reply_err(req, ENOMEM);
    }
  }
};

}  // namespace

const fuse_lowlevel_ops& FileSystem::operations() {
  static const fuse_lowlevel_ops ops = [] {
    fuse_lowlevel_ops o{};
    o.init = &FileSystem::init;
    o.lookup = &Edge<&FileSystem::lookup>::call;
    o.getattr = &Edge<&FileSystem::getattr>::call;
    o.setattr = &Edge<&FileSystem::setattr>::call;
    o.access = &Edge<&FileSystem::access>::call;
    o.statfs = &Edge<&FileSystem::statfs>::call;
    o.readdir = &Edge<&FileSystem::readdir>::call;
    o.open = &Edge<&FileSystem::open>::call;
    o.read = &Edge<&FileSystem::read>::call;
    o.write = &Edge<&FileSystem::write>::call;
    o.fsync = &Edge<&FileSystem::fsync>::call;
    o.fallocate = &Edge<&FileSystem::fallocate>::call;
    o.lseek = &Edge<&FileSystem::lseek>::call;
    return o;
  }();
  return ops;
}

FileSystem::FileSystem(Disk& disk, FileSystemSettings settings)
    : disk_(disk),
      settings_(std::move(settings)),
      started_ns_(now_ns()),
      modified_ns_(started_ns_),
      accessed_ns_(started_ns_) {}

void FileSystem::init(void*, fuse_conn_info* connection) noexcept {
  connection->max_write = kMaxPayload;
  connection->max_background = kMaxInFlight;
  connection->congestion_threshold = kMaxInFlight;
  // Without it the kernel asks for a truncation to 0 after open(O_TRUNC), where
  // setattr says that the size is what it was. With it the kernel would believe
  // in a file of 0 bytes.
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_ATOMIC_O_TRUNC);
  // Our own writes move the modification time; they must not empty the cache.
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_AUTO_INVAL_DATA);
}

void FileSystem::written() noexcept { modified_ns_.store(now_ns(), std::memory_order_relaxed); }

struct stat FileSystem::attributes(fuse_ino_t ino) const {
  struct stat st{};
  st.st_ino = ino;
  st.st_uid = settings_.uid;
  st.st_gid = settings_.gid;
  st.st_atim = st.st_mtim = st.st_ctim = to_timespec(started_ns_);
  if (!is_file(ino)) {
    const mode_t mode = read_only() ? 0555 : 0755;
    st.st_mode = S_IFDIR | (mode & ~settings_.umask);
    st.st_nlink = 2;
    return st;
  }
  const mode_t mode = read_only() ? 0444 : 0666;
  st.st_mode = S_IFREG | (mode & ~settings_.umask);
  st.st_nlink = 1;
  st.st_size = static_cast<off_t>(disk_.size());
  // All allocated: fewer blocks would tell tar and cp that there are holes,
  // which they take to be where SEEK_DATA does not look.
  st.st_blocks = static_cast<blkcnt_t>((disk_.size() + 511) / 512);
  st.st_blksize = static_cast<blksize_t>(
      std::clamp<uint64_t>(disk_.exported().preferred_block, 4096, kMaxPayload));
  st.st_mtim = st.st_ctim = to_timespec(modified_ns_.load(std::memory_order_relaxed));
  st.st_atim = to_timespec(accessed_ns_.load(std::memory_order_relaxed));
  return st;
}

void FileSystem::lookup(fuse_req_t req, fuse_ino_t parent, const char* name) {
  if (parent != FUSE_ROOT_ID || mounted_over_file() || settings_.file_name != name) {
    fuse_reply_err(req, ENOENT);
    return;
  }
  fuse_entry_param entry{};
  entry.ino = file_inode();
  entry.attr = attributes(entry.ino);
  entry.attr_timeout = settings_.attr_timeout;
  entry.entry_timeout = settings_.entry_timeout;
  fuse_reply_entry(req, &entry);
}

void FileSystem::getattr(fuse_req_t req, fuse_ino_t ino, fuse_file_info*) {
  const struct stat st = attributes(ino);
  fuse_reply_attr(req, &st, settings_.attr_timeout);
}

// A disk keeps its size. To 0 and not by handle is what open(O_TRUNC) asks for,
// which does nothing, as for a block device; so "cp image mnt/nbd" works.
int FileSystem::resize_errno(const struct stat& attr, uint64_t size, bool by_handle) {
  const auto wanted = static_cast<uint64_t>(attr.st_size);
  return wanted == size || (wanted == 0 && !by_handle) ? 0 : EPERM;
}

// Times are taken as they come; size, mode and owner may be set to what they are.
void FileSystem::setattr(fuse_req_t req, fuse_ino_t ino, struct stat* attr, int to_set,
                         fuse_file_info* fi) {
  const struct stat now = attributes(ino);
  int error = 0;
  if ((to_set & FUSE_SET_ATTR_SIZE) != 0) {
    error = read_only() ? EROFS : resize_errno(*attr, disk_.size(), fi != nullptr);
  }
  const bool new_mode =
      (to_set & FUSE_SET_ATTR_MODE) != 0 && (attr->st_mode & 07777) != (now.st_mode & 07777);
  const bool new_owner = ((to_set & FUSE_SET_ATTR_UID) != 0 && attr->st_uid != now.st_uid) ||
                         ((to_set & FUSE_SET_ATTR_GID) != 0 && attr->st_gid != now.st_gid);
  if (new_mode || new_owner) error = EPERM;
  if (error != 0) {
    fuse_reply_err(req, error);
    return;
  }
  if (is_file(ino)) {
    if ((to_set & FUSE_SET_ATTR_MTIME_NOW) != 0) {
      written();
    } else if ((to_set & FUSE_SET_ATTR_MTIME) != 0) {
      modified_ns_.store(to_ns(attr->st_mtim), std::memory_order_relaxed);
    }
    if ((to_set & FUSE_SET_ATTR_ATIME) != 0) {
      const bool use_now = (to_set & FUSE_SET_ATTR_ATIME_NOW) != 0;
      accessed_ns_.store(use_now ? now_ns() : to_ns(attr->st_atim), std::memory_order_relaxed);
    }
  }
  getattr(req, ino, fi);
}

void FileSystem::access(fuse_req_t req, fuse_ino_t ino, int mask) {
  if ((mask & W_OK) != 0 && read_only()) {
    fuse_reply_err(req, EROFS);
  } else {
    fuse_reply_err(req, (mask & X_OK) != 0 && is_file(ino) ? EACCES : 0);
  }
}

// A full disk of the export's size.
void FileSystem::statfs(fuse_req_t req, fuse_ino_t) {
  struct statvfs st{};
  st.f_bsize = st.f_frsize = 512;
  st.f_blocks = (disk_.size() + 511) / 512;
  st.f_files = mounted_over_file() ? 1 : 2;
  st.f_namemax = 255;
  fuse_reply_statfs(req, &st);
}

void FileSystem::readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                         fuse_file_info*) {
  if (is_file(ino)) {
    fuse_reply_err(req, ENOTDIR);
    return;
  }
  const struct {
    const char* name;
    fuse_ino_t ino;
  } entries[] = {
      {".", FUSE_ROOT_ID}, {"..", FUSE_ROOT_ID}, {settings_.file_name.c_str(), file_inode()}};
  std::vector<char> list(size);
  size_t used = 0;
  for (auto i = static_cast<size_t>(std::max<off_t>(offset, 0)); i < std::size(entries); ++i) {
    const struct stat st = attributes(entries[i].ino);
    const size_t more = fuse_add_direntry(req, list.data() + used, size - used, entries[i].name,
                                          &st, static_cast<off_t>(i + 1));
    if (more > size - used) break;
    used += more;
  }
  fuse_reply_buf(req, list.data(), used);
}

void FileSystem::open(fuse_req_t req, fuse_ino_t ino, fuse_file_info* fi) {
  if (!is_file(ino)) {
    fuse_reply_err(req, EISDIR);
    return;
  }
  if (read_only() && (fi->flags & O_ACCMODE) != O_RDONLY) {
    fuse_reply_err(req, EROFS);
    return;
  }
  const int64_t modified = modified_ns_.load(std::memory_order_relaxed);
  using Keep = FileSystemSettings::Keep;
  fi->keep_cache =
      settings_.keep_cache == Keep::always ||
      (settings_.keep_cache == Keep::unless_written && modified == modified_at_open_ns_);
  modified_at_open_ns_ = modified;
  fuse_reply_open(req, fi);
}

}  // namespace nbdfuse
