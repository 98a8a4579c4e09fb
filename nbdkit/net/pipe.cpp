// SPDX-License-Identifier: BSD-3-Clause
#include "net/pipe.hpp"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <utility>

#include "base/error.hpp"

namespace nbdkit {

namespace {

// What one user may have without privileges; larger reads are copied.
constexpr int kCapacity = 1 << 20;

}  // namespace

FilledPipe::~FilledPipe() {
  if (pipe_.read_end && held_ == 0 && !is_cut_) pool_->give_back(std::move(pipe_));
}

// Takes it; offset: of the first byte within its page, or more.
bool FilledPipe::has_room(uint64_t offset, size_t length) noexcept {
  const size_t needed = (offset % kPage + length + kPage - 1) / kPage;
  if (needed > pipe_.slots - slots_) return false;
  slots_ += needed;
  return true;
}

void FilledPipe::cut_to(size_t size) noexcept {
  if (size == held_) return;
  held_ = size;
  is_cut_ = true;
  slots_ = pipe_.slots;
}

bool FilledPipe::add_copy(std::span<const std::byte> bytes) noexcept {
  if (!has_room(0, bytes.size())) return false;
  const ssize_t n =
      nbd::retry_eintr([&] { return ::write(pipe_.write_end.get(), bytes.data(), bytes.size()); });
  held_ += n > 0 ? static_cast<size_t>(n) : 0;
  return n == static_cast<ssize_t>(bytes.size());
}

bool FilledPipe::add_pages(std::span<const std::byte> bytes) noexcept {
  if (!has_room(reinterpret_cast<uintptr_t>(bytes.data()), bytes.size())) return false;
  iovec left{const_cast<std::byte*>(bytes.data()), bytes.size()};
  while (left.iov_len > 0) {
    const ssize_t n = nbd::retry_eintr(
        [&] { return ::vmsplice(pipe_.write_end.get(), &left, 1, SPLICE_F_NONBLOCK); });
    if (n <= 0) return false;
    held_ += static_cast<size_t>(n);
    left = {static_cast<std::byte*>(left.iov_base) + n, left.iov_len - static_cast<size_t>(n)};
  }
  return true;
}

bool FilledPipe::add_file(int fd, uint64_t offset, size_t length) noexcept {
  if (!has_room(offset, length)) return false;
  auto at = static_cast<loff_t>(offset);
  while (length > 0) {
    const ssize_t n = nbd::retry_eintr([&] {
      return ::splice(fd, &at, pipe_.write_end.get(), nullptr, length,
                      SPLICE_F_NONBLOCK);  // of the pipe, should it be full; the file is waited for
    });
    if (n <= 0) return false;
    held_ += static_cast<size_t>(n);
    length -= static_cast<size_t>(n);
  }
  return true;
}

void FilledPipe::move_to(int socket) {
  while (held_ > 0) {
    held_ -= static_cast<size_t>(nbd::sys(
        [&] {
          const ssize_t n = ::splice(pipe_.read_end.get(), nullptr, socket, nullptr, held_, 0);
          if (n == 0) errno = EPIPE;
          return n == 0 ? -1 : n;
        },
        "send to the client"));
  }
}

size_t FilledPipe::read(std::span<std::byte> buf) {
  const auto n = static_cast<size_t>(nbd::sys(
      [&] { return ::read(pipe_.read_end.get(), buf.data(), std::min(buf.size(), held_)); },
      "read from a pipe"));
  held_ -= n;
  return n;
}

std::optional<FilledPipe> PipePool::take() {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      FilledPipe pipe(*this, std::move(idle_.back()));
      idle_.pop_back();
      return pipe;
    }
  }
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) == -1) return std::nullopt;
  Pipe pipe{nbd::Fd(ends[0]), nbd::Fd(ends[1])};
  ::fcntl(ends[1], F_SETPIPE_SZ, kCapacity);
  pipe.slots = static_cast<size_t>(::fcntl(ends[1], F_GETPIPE_SZ)) / kPage;
  return FilledPipe(*this, std::move(pipe));
}

void PipePool::give_back(Pipe pipe) noexcept {
  const std::lock_guard lock(mutex_);
  try {
    if (idle_.size() < kMaxIdle) idle_.push_back(std::move(pipe));
  } catch (const std::exception&) {  // then it is closed
  }
}

}  // namespace nbdkit
