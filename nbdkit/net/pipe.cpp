// SPDX-License-Identifier: BSD-3-Clause
#include "net/pipe.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <span>
#include <utility>

#include "base/error.hpp"

namespace nbdkit {

namespace {

// What one user may have without privileges; larger reads are copied.
constexpr int kCapacity = 1 << 20;
constexpr size_t kPage = 4096;

// A pipe has a slot for each page, however little of it is used.
bool fits(uint64_t offset, size_t length, size_t capacity) {
  return offset % kPage + length <= capacity;
}

}  // namespace

FilledPipe::~FilledPipe() {
  if (pipe_.read_end && pipe_.held == 0) pool_->give_back(std::move(pipe_));
}

void FilledPipe::move_to(int socket) {
  while (pipe_.held > 0) {
    pipe_.held -= static_cast<size_t>(nbd::sys(
        [&] {
          const ssize_t n = ::splice(pipe_.read_end.get(), nullptr, socket, nullptr, pipe_.held, 0);
          if (n == 0) errno = EPIPE;
          return n == 0 ? -1 : n;
        },
        "send to the client"));
  }
}

size_t FilledPipe::read(std::span<std::byte> buf) {
  const auto n = static_cast<size_t>(nbd::sys(
      [&] { return ::read(pipe_.read_end.get(), buf.data(), std::min(buf.size(), pipe_.held)); },
      "read from a pipe"));
  pipe_.held -= n;
  return n;
}

std::optional<FilledPipe> PipePool::fill(int fd, uint64_t offset, size_t length) {
  if (!fits(offset, length, kCapacity)) return std::nullopt;
  std::optional<Pipe> pipe = take();
  if (!pipe || !fits(offset, length, pipe->capacity)) return std::nullopt;
  auto at = static_cast<loff_t>(offset);
  while (pipe->held < length) {
    const ssize_t n = nbd::retry_eintr([&] {
      return ::splice(fd, &at, pipe->write_end.get(), nullptr, length - pipe->held,
                      SPLICE_F_NONBLOCK);  // of the pipe, should it be full; the file is waited for
    });
    if (n <= 0) return std::nullopt;  // closed with what is in it
    pipe->held += static_cast<size_t>(n);
  }
  return FilledPipe(*this, std::move(*pipe));
}

std::optional<Pipe> PipePool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      Pipe pipe = std::move(idle_.back());
      idle_.pop_back();
      return pipe;
    }
  }
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) == -1) return std::nullopt;
  Pipe pipe{nbd::Fd(ends[0]), nbd::Fd(ends[1])};
  ::fcntl(ends[1], F_SETPIPE_SZ, kCapacity);
  pipe.capacity = static_cast<size_t>(::fcntl(ends[1], F_GETPIPE_SZ));
  return pipe;
}

void PipePool::give_back(Pipe pipe) noexcept {
  const std::lock_guard lock(mutex_);
  try {
    if (idle_.size() < kMaxIdle) idle_.push_back(std::move(pipe));
  } catch (const std::exception&) {  // then it is closed
  }
}

}  // namespace nbdkit
