// SPDX-License-Identifier: BSD-3-Clause
#include "net/stream.hpp"

#include <limits.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
#include <utility>

#include "base/error.hpp"

namespace nbdkit {

namespace {

// Takes `sent` bytes off the front of the parts; the rest that is to be sent.
std::span<iovec> advance(std::span<iovec> parts, size_t sent) {
  while (!parts.empty() && sent >= parts.front().iov_len) {
    sent -= parts.front().iov_len;
    parts = parts.subspan(1);
  }
  if (!parts.empty()) {
    parts.front().iov_base = static_cast<std::byte*>(parts.front().iov_base) + sent;
    parts.front().iov_len -= sent;
  }
  return parts;
}

}  // namespace

bool Stream::has_input() const noexcept {
  pollfd p{fd(), POLLIN, 0};
  return ::poll(&p, 1, 0) > 0;
}

bool Stream::has_input_within(std::chrono::milliseconds time) noexcept {
  pollfd p{fd(), POLLIN, 0};
  return ::poll(&p, 1, static_cast<int>(time.count())) != 0;  // receive() tells of an error
}

void Stream::send(std::span<const std::byte> bytes) {
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  send(std::span(&part, 1));
}

// Until one of the events, or the deadline.
void SocketStream::wait_for(short events) const {
  using namespace std::chrono;
  pollfd p{socket_.get(), events, 0};
  for (;;) {
    const auto left = ceil<milliseconds>(*deadline_ - steady_clock::now()).count();
    const int timeout = static_cast<int>(std::clamp<int64_t>(left, 0, INT_MAX));
    const int ready = nbd::sys([&] { return ::poll(&p, 1, timeout); }, "poll");
    if (ready != 0) return;
    if (left <= 0) throw nbd::Error(ETIMEDOUT, "timed out waiting for the client");
  }
}

namespace {

// Threads that do nothing but look whether something has come: for every other
// processor one, so that there is always a processor for those who are to send it.
std::atomic<unsigned> looking = 0;
const unsigned kMaxLooking = std::thread::hardware_concurrency() / 2;

}  // namespace

// Nothing: none has come in this time, or others are looking already.
std::optional<ssize_t> SocketStream::receive_awake(std::span<std::byte> buf, Duration time) const {
  std::optional<ssize_t> got;
  if (looking.fetch_add(1, std::memory_order_relaxed) < kMaxLooking) {
    const auto end = std::chrono::steady_clock::now() + time;
    do {
      const ssize_t n = ::recv(socket_.get(), buf.data(), buf.size(), MSG_DONTWAIT);
      if (n >= 0) got = n;
    } while (!got && std::chrono::steady_clock::now() < end);
  }
  looking.fetch_sub(1, std::memory_order_relaxed);
  return got;
}

size_t SocketStream::receive(std::span<std::byte> buf) {
  if (deadline_) wait_for(POLLIN);
  if (const Duration time = std::exchange(stay_awake_, {}); time > Duration::zero()) {
    if (const auto got = receive_awake(buf, time)) return static_cast<size_t>(*got);
  }
  return static_cast<size_t>(nbd::sys(
      [&] { return ::recv(socket_.get(), buf.data(), buf.size(), 0); }, "receive from the client"));
}

size_t Stream::receive(std::span<std::byte> first, std::span<std::byte>) { return receive(first); }

size_t SocketStream::receive(std::span<std::byte> first, std::span<std::byte> second) {
  if (deadline_) wait_for(POLLIN);
  std::array<iovec, 2> parts{{{first.data(), first.size()}, {second.data(), second.size()}}};
  return static_cast<size_t>(
      nbd::sys([&] { return ::readv(socket_.get(), parts.data(), 2); }, "receive from the client"));
}

void Stream::send(std::span<iovec> parts, FilledPipe& pipe) {
  if (!parts.empty()) send(parts);
  std::array<std::byte, 64 << 10> buffer;
  while (pipe.size() > 0) send(std::span(buffer).first(pipe.read(buffer)));
}

void SocketStream::send(std::span<iovec> parts) { send_all(parts, 0); }

void SocketStream::send(std::span<iovec> parts, FilledPipe& pipe) {
  send_all(parts, MSG_MORE);
  pipe.move_to(fd());
}

void SocketStream::send_all(std::span<iovec> parts, int flags) {
  while (!parts.empty()) {
    msghdr message{};
    message.msg_iov = parts.data();
    message.msg_iovlen = std::min<size_t>(parts.size(), IOV_MAX);
    // First tried, then waited for: a Unix socket that is a quarter full counts
    // as one that cannot be written to for poll(), but takes more.
    const int all_flags = flags | MSG_NOSIGNAL | (deadline_ ? MSG_DONTWAIT : 0);
    const ssize_t sent =
        nbd::retry_eintr([&] { return ::sendmsg(socket_.get(), &message, all_flags); });
    if (sent == -1 && errno == EAGAIN && deadline_) {
      wait_for(POLLOUT);
      continue;
    }
    if (sent == -1) nbd::fail_errno(errno, "send to the client");
    parts = advance(parts, static_cast<size_t>(sent));
  }
}

void SocketStream::end_input() noexcept { ::shutdown(socket_.get(), SHUT_RD); }

void SocketStream::abort() noexcept { ::shutdown(socket_.get(), SHUT_RDWR); }

}  // namespace nbdkit
