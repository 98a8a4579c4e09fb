// SPDX-License-Identifier: BSD-3-Clause
//
// The file in which an overlay keeps its blocks: in $TMPDIR, else in /var/tmp,
// without a name, so it is gone when the server is, however that ends.
//
// Threads: any call at any time.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include <nbdkit/error.hpp>

#include "base/fd.hpp"

namespace cow {

class OverlayFile {
 public:
  OverlayFile();  // an Error if there can be none

  nbd::Status read(std::span<std::byte> buf, uint64_t at) const;
  // Of what is in the page cache: false if it is not, or not all of it.
  bool try_read(std::span<std::byte> buf, uint64_t at) const;
  // Changes the parts.
  nbd::Status write(std::span<iovec> parts, uint64_t at) const;
  // Takes the space, so that writing there cannot fail for want of it. EOPNOTSUPP
  // where the file system cannot; the bytes are as they may be.
  nbd::Status provide(uint64_t count, uint64_t at) const;
  // Gives it back, if the file system can; then it reads as zeroes.
  void discard(uint64_t count, uint64_t at) const;
  // To the page cache.
  void prefetch(uint64_t count, uint64_t at) const;

 private:
  nbd::Fd fd_;
};

}  // namespace cow
