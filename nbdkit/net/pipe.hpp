// SPDX-License-Identifier: BSD-3-Clause
//
// Pages of files on their way to a socket: the kernel moves references to them
// through a pipe, and no byte is copied. They are in the pipe before anything is
// sent, so a disk that fails is still an error of the request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/fd.hpp"

namespace nbdkit {

struct Pipe {
  nbd::Fd read_end, write_end;
  size_t capacity = 0;
  size_t held = 0;  // bytes that are in it
};

class PipePool;

// A pipe with the bytes in it; goes back to its pool once it is empty.
class FilledPipe {
 public:
  FilledPipe(FilledPipe&& other) noexcept = default;
  FilledPipe& operator=(FilledPipe&& other) noexcept = default;
  ~FilledPipe();

  size_t size() const { return pipe_.held; }
  // Moves all of it to the socket. Throws if the connection fails.
  void move_to(int socket);
  // Up to buf.size() bytes, for a stream that has to see them.
  size_t read(std::span<std::byte> buf);

 private:
  friend class PipePool;
  FilledPipe(PipePool& pool, Pipe pipe) : pool_(&pool), pipe_(std::move(pipe)) {}

  PipePool* pool_;
  Pipe pipe_;
};

// Threads: any.
class PipePool {
 public:
  // `length` bytes of the file from `offset` on. Nothing if they cannot be had
  // this way: too many for a pipe, no file that can be spliced, the end of the
  // file, an error. Reading them then tells which.
  std::optional<FilledPipe> fill(int fd, uint64_t offset, size_t length);

 private:
  friend class FilledPipe;
  std::optional<Pipe> take();
  void give_back(Pipe pipe) noexcept;

  // More are closed: a worker needs one at a time.
  static constexpr size_t kMaxIdle = 16;
  std::mutex mutex_;
  std::vector<Pipe> idle_;
};

}  // namespace nbdkit
