// SPDX-License-Identifier: BSD-3-Clause
#include "file-system.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <vector>

#include "base/log.hpp"

namespace nbdfuse {

namespace {

constexpr int64_t kNsPerSecond = 1'000'000'000;

int64_t to_ns(const timespec& t) { return t.tv_sec * kNsPerSecond + t.tv_nsec; }
timespec to_timespec(int64_t ns) { return {ns / kNsPerSecond, ns % kNsPerSecond}; }

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
    o.fsyncdir = &Edge<&FileSystem::fsyncdir>::call;
    o.fallocate = &Edge<&FileSystem::fallocate>::call;
    o.lseek = &Edge<&FileSystem::lseek>::call;
    return o;
  }();
  return ops;
}

FileSystem::FileSystem(Files& files, FileSystemSettings settings, Callers& callers, Stats* stats)
    : files_(files),
      settings_(settings),
      started_ns_(File::now_ns()),
      callers_(callers),
      stats_(stats) {}

void FileSystem::init(void* userdata, fuse_conn_info* connection) noexcept {
  connection->max_write = kMaxPayload;
  connection->max_background = kMaxInFlight;
  connection->congestion_threshold = kMaxInFlight;
  // Without it the kernel asks for a truncation to 0 after open(O_TRUNC), where
  // setattr says that the size is what it was. With it the kernel would believe
  // in a file of 0 bytes.
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_ATOMIC_O_TRUNC);
  // Our own writes move the modification time; they must not empty the cache.
  connection->want &= ~static_cast<unsigned>(FUSE_CAP_AUTO_INVAL_DATA);
  if (static_cast<FileSystem*>(userdata)->settings_.cache == Cache::write_back) {
    connection->want |= connection->capable & FUSE_CAP_WRITEBACK_CACHE;
  }
}

File* FileSystem::file_at(fuse_ino_t ino) const {
  const fuse_ino_t index = ino - first_inode();  // wraps for the directory
  return index < files_.size() ? files_[index].get() : nullptr;
}

File* FileSystem::open_file_at(fuse_ino_t ino) const {
  File* const file = file_at(ino);
  return file != nullptr && file->is_open() ? file : nullptr;
}

bool FileSystem::read_only() const {
  return std::all_of(files_.begin(), files_.end(),
                     [](const auto& file) { return file->facts().read_only; });
}

struct stat FileSystem::directory_attributes() const {
  struct stat st{};
  const mode_t mode = read_only() ? 0555 : 0755;
  st.st_ino = FUSE_ROOT_ID;
  st.st_mode = S_IFDIR | (mode & ~settings_.umask);
  st.st_nlink = 2;
  st.st_uid = settings_.uid;
  st.st_gid = settings_.gid;
  st.st_atim = st.st_mtim = st.st_ctim = to_timespec(started_ns_);
  return st;
}

struct stat FileSystem::attributes(fuse_ino_t ino) const {
  const File* const file = file_at(ino);
  if (file == nullptr) return directory_attributes();
  const Export facts = file->facts();
  const mode_t mode = facts.read_only ? 0444 : 0666;
  struct stat st{};
  st.st_ino = ino;
  st.st_mode = S_IFREG | (mode & ~settings_.umask);
  st.st_nlink = 1;
  st.st_uid = settings_.uid;
  st.st_gid = settings_.gid;
  st.st_size = static_cast<off_t>(facts.size);
  // Fewer than the size makes tar and cp look for holes. None would make some of them
  // not look at all, so there is always one.
  st.st_blocks = static_cast<blkcnt_t>((file->data_bytes() + 511) / 512);
  if (st.st_blocks == 0 && st.st_size > 0) st.st_blocks = 1;
  st.st_blksize =
      static_cast<blksize_t>(std::clamp<uint64_t>(facts.preferred_block, 4096, kMaxPayload));
  st.st_mtim = st.st_ctim = to_timespec(file->modified_ns.load(std::memory_order_relaxed));
  st.st_atim = to_timespec(file->accessed_ns.load(std::memory_order_relaxed));
  return st;
}

void FileSystem::lookup(fuse_req_t req, fuse_ino_t parent, const char* name) {
  const auto found = std::find_if(files_.begin(), files_.end(),
                                  [&](const auto& file) { return file->name() == name; });
  if (parent != FUSE_ROOT_ID || settings_.over_file || found == files_.end()) {
    fuse_reply_err(req, ENOENT);
    return;
  }
  answer_lookup(req, std::move(incoming),
                first_inode() + static_cast<fuse_ino_t>(found - files_.begin()));
}

Detached FileSystem::answer_lookup(fuse_req_t req, Buffer buffer, fuse_ino_t ino) {
  Reply reply(callers_, req, buffer.slot());
  (void)co_await file_at(ino)->count_data();
  fuse_req_t const r = reply.claim();
  if (r == nullptr) co_return;
  fuse_entry_param entry{};
  entry.ino = ino;
  entry.attr = attributes(ino);
  entry.attr_timeout = settings_.attr_timeout;
  entry.entry_timeout = settings_.entry_timeout;
  fuse_reply_entry(r, &entry);
}

void FileSystem::getattr(fuse_req_t req, fuse_ino_t ino, fuse_file_info*) {
  answer_getattr(req, std::move(incoming), ino);
}

Detached FileSystem::answer_getattr(fuse_req_t req, Buffer buffer, fuse_ino_t ino) {
  Reply reply(callers_, req, buffer.slot());
  File* const file = file_at(ino);
  if (file != nullptr) (void)co_await file->count_data();
  fuse_req_t const r = reply.claim();
  if (r == nullptr) co_return;
  const struct stat st = attributes(ino);
  fuse_reply_attr(r, &st, settings_.attr_timeout);
}

// A disk keeps its size. To 0 and not by handle is what open(O_TRUNC) asks for,
// which does nothing, as for a block device; so "cp image mnt/nbd" works.
int FileSystem::resize_errno(const struct stat& attr, uint64_t size, bool by_handle) {
  const auto wanted = static_cast<uint64_t>(attr.st_size);
  return wanted == size || (wanted == 0 && !by_handle) ? 0 : EPERM;
}

void FileSystem::set_times(File& file, const struct stat& attr, int to_set) {
  if ((to_set & FUSE_SET_ATTR_MTIME_NOW) != 0) {
    file.written();
  } else if ((to_set & FUSE_SET_ATTR_MTIME) != 0) {
    file.modified_ns.store(to_ns(attr.st_mtim), std::memory_order_relaxed);
  }
  if ((to_set & FUSE_SET_ATTR_ATIME) != 0) {
    const bool use_now = (to_set & FUSE_SET_ATTR_ATIME_NOW) != 0;
    file.accessed_ns.store(use_now ? File::now_ns() : to_ns(attr.st_atim),
                           std::memory_order_relaxed);
  }
}

// Times are taken as they come; size, mode and owner may be set to what they are.
void FileSystem::setattr(fuse_req_t req, fuse_ino_t ino, struct stat* attr, int to_set,
                         fuse_file_info* fi) {
  File* const file = file_at(ino);
  const struct stat now = attributes(ino);
  int error = 0;
  if ((to_set & FUSE_SET_ATTR_SIZE) != 0 && file != nullptr) {
    const Export facts = file->facts();
    error = facts.read_only ? EROFS : resize_errno(*attr, facts.size, fi != nullptr);
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
  if (file != nullptr) set_times(*file, *attr, to_set);
  getattr(req, ino, fi);
}

void FileSystem::access(fuse_req_t req, fuse_ino_t ino, int mask) {
  const File* const file = file_at(ino);
  if ((mask & W_OK) != 0 && (file != nullptr ? file->facts().read_only : read_only())) {
    fuse_reply_err(req, EROFS);
  } else {
    fuse_reply_err(req, (mask & X_OK) != 0 && file != nullptr ? EACCES : 0);
  }
}

// Full disks of the exports' sizes.
void FileSystem::statfs(fuse_req_t req, fuse_ino_t) {
  struct statvfs st{};
  st.f_bsize = st.f_frsize = 512;
  for (const auto& file : files_) st.f_blocks += (file->facts().size + 511) / 512;
  st.f_files = files_.size() + (settings_.over_file ? 0 : 1);
  st.f_namemax = 255;
  fuse_reply_statfs(req, &st);
}

void FileSystem::readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset,
                         fuse_file_info*) {
  if (file_at(ino) != nullptr) {
    fuse_reply_err(req, ENOTDIR);
    return;
  }
  std::vector<char> list(size);
  size_t used = 0;
  for (auto i = static_cast<size_t>(std::max<off_t>(offset, 0)); i < files_.size() + 2; ++i) {
    const bool dots = i < 2;
    const char* const name = i == 0 ? "." : i == 1 ? ".." : files_[i - 2]->name().c_str();
    const struct stat st = attributes(dots ? FUSE_ROOT_ID : first_inode() + i - 2);
    const size_t more = fuse_add_direntry(req, list.data() + used, size - used, name, &st,
                                          static_cast<off_t>(i + 1));
    if (more > size - used) break;
    used += more;
  }
  fuse_reply_buf(req, list.data(), used);
}

void FileSystem::open(fuse_req_t req, fuse_ino_t ino, fuse_file_info* fi) {
  File* const file = file_at(ino);
  if (file == nullptr) {
    fuse_reply_err(req, EISDIR);
  } else if (file->is_open()) {
    reply_open(req, *file, *fi);
  } else {
    // The buffer keeps the mount until this is answered.
    opener_.run(
        [this, req, file, fi = *fi, buffer = std::make_shared<Buffer>(std::move(incoming))] {
          try {
            file->open();
            reply_open(req, *file, fi);
          } catch (const std::exception& error) {
            nbd::log::error("{}: {}", file->name(), error.what());
            fuse_reply_err(req, EIO);
          }
        });
  }
}

void FileSystem::reply_open(fuse_req_t req, File& file, fuse_file_info fi) const {
  if (file.facts().read_only && (fi.flags & O_ACCMODE) != O_RDONLY) {
    fuse_reply_err(req, EROFS);
    return;
  }
  const int64_t modified = file.modified_ns.load(std::memory_order_relaxed);
  const int64_t before = file.modified_at_open_ns.exchange(modified, std::memory_order_relaxed);
  using Keep = FileSystemSettings::Keep;
  fi.direct_io = settings_.cache == Cache::none;
  // What is not written back yet is kept in any case.
  fi.keep_cache = settings_.keep_cache == Keep::always || settings_.cache == Cache::write_back ||
                  (settings_.keep_cache == Keep::unless_written && modified == before);
  fuse_reply_open(req, &fi);
}

}  // namespace nbdfuse
