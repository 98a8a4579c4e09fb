// SPDX-License-Identifier: BSD-3-Clause
#include "net/fd-stream.hpp"

#include <limits.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <utility>

#include "base/error.hpp"

namespace nbdkit {

namespace {

nbd::Fd new_eventfd() {
  return nbd::Fd(nbd::sys([] { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }, "eventfd"));
}

void set(const nbd::Fd& event) noexcept {
  const uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(event.get(), &one, sizeof one);
}

}  // namespace

FdStream::FdStream(nbd::Fd from, nbd::Fd to)
    : from_(std::move(from)),
      to_(std::move(to)),
      no_more_input_(new_eventfd()),
      no_more_output_(new_eventfd()) {}

bool FdStream::wait_for(const nbd::Fd& fd, short events, const nbd::Fd& stop) const {
  pollfd fds[2] = {{fd.get(), events, 0}, {stop.get(), POLLIN, 0}};
  int timeout = -1;
  if (deadline_) {
    using namespace std::chrono;
    const auto left = ceil<milliseconds>(*deadline_ - steady_clock::now()).count();
    timeout = static_cast<int>(std::clamp<int64_t>(left, 0, INT_MAX));
  }
  if (nbd::sys([&] { return ::poll(fds, 2, timeout); }, "poll") == 0) {
    throw nbd::Error(ETIMEDOUT, "timed out waiting for the client");
  }
  return fds[1].revents == 0;
}

// EAGAIN: somebody else, who shares the descriptor, has made it non-blocking.
size_t FdStream::receive(std::span<std::byte> buf) {
  while (wait_for(from_, POLLIN, no_more_input_)) {
    const ssize_t got =
        nbd::retry_eintr([&] { return ::read(from_.get(), buf.data(), buf.size()); });
    if (got >= 0) return static_cast<size_t>(got);
    if (errno != EAGAIN) nbd::fail_errno(errno, "receive from stdin");
  }
  return 0;
}

void FdStream::send(std::span<iovec> parts) {
  for (const iovec& part : parts) {
    send_all({static_cast<const std::byte*>(part.iov_base), part.iov_len});
  }
}

// A pipe that poll() calls writable takes PIPE_BUF bytes without waiting, which
// would be in a system call that abort() could not end.
void FdStream::send_all(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    if (!wait_for(to_, POLLOUT, no_more_output_)) nbd::fail("send to stdout: the server ends");
    const size_t piece = std::min<size_t>(bytes.size(), PIPE_BUF);
    const ssize_t sent = nbd::retry_eintr([&] { return ::write(to_.get(), bytes.data(), piece); });
    if (sent < 0 && errno != EAGAIN) nbd::fail_errno(errno, "send to stdout");
    if (sent > 0) bytes = bytes.subspan(static_cast<size_t>(sent));
  }
}

void FdStream::end_input() noexcept { set(no_more_input_); }

void FdStream::abort() noexcept {
  set(no_more_input_);
  set(no_more_output_);
}

std::unique_ptr<Stream> make_stream(nbd::Fd from, nbd::Fd to) {
  struct stat a{}, b{};
  const bool one_socket = ::fstat(from.get(), &a) == 0 && ::fstat(to.get(), &b) == 0 &&
                          S_ISSOCK(a.st_mode) && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
  if (one_socket) return std::make_unique<SocketStream>(std::move(from));
  return std::make_unique<FdStream>(std::move(from), std::move(to));
}

}  // namespace nbdkit
