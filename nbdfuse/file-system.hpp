// SPDX-License-Identifier: BSD-3-Clause
//
// The file system that the kernel sees: a directory with one file in it, or,
// mounted over a file, that file alone. Answers what concerns names and
// attributes where it stands; hands data to the disk and answers when that is
// done (file-io.cpp).
//
// Threads: one thread of the mount calls the operations, one after another.
// Answers to data requests are given in the thread where the disk completes.
#pragma once

#define FUSE_USE_VERSION 35
#include <fuse3/fuse_lowlevel.h>
#include <sys/stat.h>

#include <atomic>
#include <ctime>
#include <string>

#include "buffers.hpp"
#include "disk.hpp"
#include "limits.hpp"

namespace nbdfuse {

struct FileSystemSettings {
  std::string file_name;  // empty: mounted over a file
  uid_t uid = 0;
  gid_t gid = 0;
  mode_t umask = 0;
  double entry_timeout = kAttrTimeoutSeconds;
  double attr_timeout = kAttrTimeoutSeconds;
  enum class Keep { never, unless_written, always } keep_cache = Keep::never;
};

class FileSystem {
 public:
  FileSystem(Disk& disk, FileSystemSettings settings);

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
  void fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
                 fuse_file_info*);
  void lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, fuse_file_info*);

 private:
  bool mounted_over_file() const { return settings_.file_name.empty(); }
  fuse_ino_t file_inode() const { return mounted_over_file() ? FUSE_ROOT_ID : FUSE_ROOT_ID + 1; }
  bool is_file(fuse_ino_t ino) const { return ino == file_inode(); }
  bool read_only() const { return disk_.exported().read_only; }
  struct stat attributes(fuse_ino_t ino) const;
  static int resize_errno(const struct stat& attr, uint64_t size, bool by_handle);

  Detached answer_read(fuse_req_t req, Buffer buffer, size_t size, uint64_t offset);
  Detached answer_write(fuse_req_t req, Buffer buffer, const char* data, size_t size,
                        uint64_t offset);
  Detached answer_fsync(fuse_req_t req, Buffer buffer);
  Detached answer_zero(fuse_req_t req, Buffer buffer, uint64_t offset, uint64_t length,
                       bool allocate);
  Detached answer_seek(fuse_req_t req, Buffer buffer, uint64_t offset, bool hole);
  void written() noexcept;

  Disk& disk_;
  const FileSystemSettings settings_;
  const int64_t started_ns_;
  std::atomic<int64_t> modified_ns_;  // of the file, since the epoch
  std::atomic<int64_t> accessed_ns_;  // as utimens set it
  int64_t modified_at_open_ns_ = 0;
};

}  // namespace nbdfuse
