// SPDX-License-Identifier: BSD-3-Clause
//
// The file system that the kernel sees: a directory of files, or, mounted over a
// file, one file alone. Answers what concerns names and attributes where it
// stands; hands data to the disk and answers when that is done (file-io.cpp).
//
// Threads: one thread of the mount calls the operations, one after another.
// Answers to data requests are given in the thread where the disk completes;
// a file that is yet to be connected to is opened in a thread for that.
#pragma once

#define FUSE_USE_VERSION 35
#include <fuse3/fuse_lowlevel.h>
#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "buffers.hpp"
#include "file.hpp"
#include "limits.hpp"
#include "options.hpp"
#include "reply.hpp"
#include "stats.hpp"
#include "worker.hpp"

namespace nbdfuse {

struct FileSystemSettings {
  bool over_file = false;  // mounted over a file: there is one
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t umask = 0;
  double entry_timeout = kAttrTimeoutSeconds;
  double attr_timeout = kAttrTimeoutSeconds;
  Cache cache = Cache::write_through;
  enum class Keep { never, unless_written, always } keep_cache = Keep::never;
};

using Files = std::vector<std::unique_ptr<File>>;

class FileSystem {
 public:
  // stats: counted there if given.
  FileSystem(Files& files, FileSystemSettings settings, Callers& callers, Stats* stats);

  Cache cache() const { return settings_.cache; }

  // Before it is served.
  void mounted_as(fuse_session* session) { session_ = session; }

  // The operations; their userdata is the FileSystem.
  static const fuse_lowlevel_ops& operations();

  // The buffer that the next operation comes in. The operation takes it if it
  // answers later.
  Buffer incoming;

  // One of libfuse's operations each.
  static void init(void* userdata, fuse_conn_info* connection) noexcept;
  void lookup(fuse_req_t req, fuse_ino_t parent, const char* name);
  void getattr(fuse_req_t req, fuse_ino_t ino, fuse_file_info*);
  void setattr(fuse_req_t req, fuse_ino_t ino, struct stat* attr, int to_set, fuse_file_info* fi);
  void access(fuse_req_t req, fuse_ino_t ino, int mask);
  void statfs(fuse_req_t req, fuse_ino_t);
  void readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info*);
  void open(fuse_req_t req, fuse_ino_t ino, fuse_file_info* fi);
  void read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, fuse_file_info*);
  void write(fuse_req_t req, fuse_ino_t ino, const char* data, size_t size, off_t offset,
             fuse_file_info*);
  void fsync(fuse_req_t req, fuse_ino_t ino, int datasync, fuse_file_info*);
  void fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, fuse_file_info*);
  void fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
                 fuse_file_info*);
  void lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, fuse_file_info*);

 private:
  // A file's number is its place in files_.
  fuse_ino_t first_inode() const { return settings_.over_file ? FUSE_ROOT_ID : FUSE_ROOT_ID + 1; }
  File* file_at(fuse_ino_t ino) const;
  // Only if it is connected to, as a file is that was opened.
  File* open_file_at(fuse_ino_t ino) const;
  bool read_only() const;
  struct stat directory_attributes() const;
  struct stat attributes(fuse_ino_t ino) const;
  Detached answer_lookup(fuse_req_t req, Buffer buffer, fuse_ino_t ino);
  Detached answer_getattr(fuse_req_t req, Buffer buffer, fuse_ino_t ino);
  static int resize_errno(const struct stat& attr, uint64_t size, bool by_handle);
  static void set_times(File& file, const struct stat& attr, int to_set);
  void reply_open(fuse_req_t req, File& file, fuse_file_info fi) const;

  Detached answer_read(fuse_req_t req, Buffer buffer, File& file, size_t size, uint64_t offset);
  Detached answer_write(fuse_req_t req, Buffer buffer, File& file, const char* data, size_t size,
                        uint64_t offset);
  Detached answer_fsync(fuse_req_t req, Buffer buffer, File& file);
  Detached answer_fsyncdir(fuse_req_t req, Buffer buffer);
  Detached answer_zero(fuse_req_t req, Buffer buffer, File& file, uint64_t offset, uint64_t length,
                       bool allocate);
  Detached answer_seek(fuse_req_t req, Buffer buffer, fuse_ino_t ino, uint64_t offset, bool hole);
  static void answer_error(Reply& reply, Status status);

  const Files& files_;
  const FileSystemSettings settings_;
  const int64_t started_ns_;
  Callers& callers_;
  Stats* const stats_;
  fuse_session* session_ = nullptr;
  Worker opener_;
  Worker writer_back_;
};

}  // namespace nbdfuse
