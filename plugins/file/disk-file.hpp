// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include <nbdkit/plugin.hpp>

#include "base/fd.hpp"

namespace disk_file {

// A regular file or a block device, opened for one client: the requests and
// abilities of an SDK connection, for the plugins whose disk is made of files.
//
// Threads: requests may run at the same time; the kernel orders them. Every
// DiskFile has a descriptor of its own, but fdatasync() of one covers what was
// written through all, so several connections are safe.
class DiskFile {
 public:
  // Serves read-only what cannot be written to. Throws an Error with the path
  // if it cannot be opened or is neither file nor block device.
  DiskFile(std::string path, bool read_only);

  const std::string& path() const { return path_; }
  int fd() const { return fd_.get(); }

  uint64_t size();  // now: the file may have grown
  bool can_write() { return writable_; }
  bool can_multi_conn() { return true; }
  bool can_fast_zero() { return true; }
  bool can_extents();
  nbd::Support can_fua() { return nbd::Support::native; }
  nbd::Support can_cache() { return nbd::Support::native; }

  nbd::Status pread(std::span<std::byte> buf, uint64_t offset, nbd::Flags flags);
  // From the page cache alone; false if not all of it is there.
  bool pread_now(std::span<std::byte> buf, uint64_t offset);
  nbd::Status pwrite(std::span<const std::byte> buf, uint64_t offset, nbd::Flags flags);
  nbd::Status flush(nbd::Flags flags);
  nbd::Status trim(uint32_t count, uint64_t offset, nbd::Flags flags);
  nbd::Status zero(uint32_t count, uint64_t offset, nbd::Flags flags);
  nbd::Status cache(uint32_t count, uint64_t offset, nbd::Flags flags);
  // `shift` is added to the offsets in the answer: where in the disk this file
  // begins; `limit`: how much of the file is part of the disk.
  nbd::Status extents(uint32_t count, uint64_t offset, nbd::Flags flags, nbd::ExtentList& out,
                      uint64_t shift = 0, uint64_t limit = INT64_MAX);

 private:
  int fallocate(int mode, uint64_t offset, uint64_t count);
  nbd::Status failed(const char* what, int errnum) const;

  std::string path_;
  nbd::Fd fd_;
  bool writable_ = false;
  bool is_block_device_ = false;
};

// Throws an Error: "WHAT NAME: the text of errno".
[[noreturn]] void fail(const std::string& what, const std::string& name);

// Whether a file of this mode can be a DiskFile.
bool is_servable(unsigned mode);

}  // namespace disk_file
