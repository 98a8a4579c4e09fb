// SPDX-License-Identifier: BSD-3-Clause
//
// Pages on their way to a socket: the kernel moves references to them through a
// pipe, and no byte is copied. They are in the pipe before anything is sent, so a
// disk that fails is still an error of the request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include "base/fd.hpp"

namespace nbdkit {

inline constexpr size_t kPage = 4096;

struct Pipe {
  nbd::Fd read_end, write_end;
  size_t slots = 0;  // pages that it takes, however little of each is used
};

class PipePool;

// A pipe and what is in it; goes back to its pool if that is nothing in the end.
// What returns false has put nothing in, or some of it: then it is to be cut.
class FilledPipe {
 public:
  FilledPipe(FilledPipe&& other) noexcept = default;
  FilledPipe& operator=(FilledPipe&& other) noexcept = default;
  ~FilledPipe();

  // For so many bytes in whole pages.
  bool has_room_for(size_t length) const { return length / kPage <= pipe_.slots - slots_; }
  // The same if they begin and end in the middle of one, with a header before them.
  bool has_room_for_reply(size_t length) const { return has_room_for(length + 3 * kPage); }
  // A copy of so few bytes that one page holds them.
  bool add_copy(std::span<const std::byte> bytes) noexcept;
  // References to the pages of these bytes.
  bool add_pages(std::span<const std::byte> bytes) noexcept;
  // `length` bytes of the file from `offset` on. False: too many for a pipe, no file
  // that can be spliced, the end of the file, an error; reading them tells which.
  bool add_file(int fd, uint64_t offset, size_t length) noexcept;

  size_t size() const { return held_; }
  // Only the first `size` bytes are worth something; nothing can be added any more.
  void cut_to(size_t size) noexcept;
  // Moves all of it to the socket. Throws if the connection fails.
  void move_to(int socket);
  // Up to buf.size() bytes, for a stream that has to see them.
  size_t read(std::span<std::byte> buf);

 private:
  friend class PipePool;
  FilledPipe(PipePool& pool, Pipe pipe) : pool_(&pool), pipe_(std::move(pipe)) {}
  bool has_room(uint64_t offset, size_t length) noexcept;

  PipePool* pool_;
  Pipe pipe_;
  size_t held_ = 0;   // bytes
  size_t slots_ = 0;  // that they take
  bool is_cut_ = false;
};

// Threads: any.
class PipePool {
 public:
  // An empty one; nothing if there are no more descriptors.
  std::optional<FilledPipe> take();

 private:
  friend class FilledPipe;
  void give_back(Pipe pipe) noexcept;

  // More are closed: a worker needs one at a time.
  static constexpr size_t kMaxIdle = 16;
  std::mutex mutex_;
  std::vector<Pipe> idle_;
};

}  // namespace nbdkit
