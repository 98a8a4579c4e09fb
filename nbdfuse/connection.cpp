// SPDX-License-Identifier: BSD-3-Clause
#include "connection.hpp"

#include <poll.h>
#include <sys/eventfd.h>

#include <cstring>

#include "base/error.hpp"
#include "base/log.hpp"
#include "limits.hpp"

namespace nbdfuse {

namespace {

// "nbd_connect_uri: connect: refused" -> "connect: refused"
std::string_view without_function(std::string_view text) {
  const auto colon = text.find(": ");
  const bool named = text.starts_with("nbd_") && colon != std::string_view::npos;
  return named ? text.substr(colon + 2) : text;
}

bool is_gone(nbd_handle* handle) {
  return nbd_aio_is_dead(handle) > 0 || nbd_aio_is_closed(handle) > 0;
}

// What an error of libnbd is for the file. ENOTCONN: the command was lost with
// its connection; EINVAL: it was refused before it was sent, since the
// connection is gone. A server can send neither to mean that.
int file_errno(nbd_handle* handle, int errnum) {
  if (errnum == 0 || errnum == ENOTCONN) return EIO;
  if (errnum == EINVAL && is_gone(handle)) return EIO;
  return errnum;
}

int on_extents(void* user_data, const char* context, uint64_t offset, uint32_t* entries,
               size_t count, int*) noexcept {
  if (std::strcmp(context, kAllocationContext) != 0) return 0;
  auto& extents = static_cast<Request*>(user_data)->extents;
  for (size_t i = 0; i + 1 < count; i += 2) {
    extents.push_back({offset, entries[i], (entries[i + 1] & LIBNBD_STATE_ZERO) != 0});
    offset += entries[i];
  }
  return 0;
}

}  // namespace

std::string last_nbd_error() {
  const char* const text = nbd_get_error();
  return std::string(without_function(text != nullptr ? text : "unknown error"));
}

void Connection::Queue::push(Request& request) {
  request.next = nullptr;
  (head == nullptr ? head : tail->next) = &request;
  tail = &request;
}

Connection::Connection(Handle connected) : handle_(std::move(connected)) {
  wake_.reset(nbd::sys([] { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }, "eventfd"));
  flights_.reserve(kMaxInFlight);
}

void Connection::start() {
  thread_ = std::jthread([this] { run(); });
}

Connection::~Connection() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake();
}

void Connection::wake() noexcept {
  // Fails only if 2^64-2 wake-ups were missed, and then it is readable anyway.
  (void)::eventfd_write(wake_.get(), 1);
}

void Connection::submit(Request& request) noexcept {
  load_.fetch_add(1, std::memory_order_relaxed);
  bool queued, must_wake = false;
  {
    const std::lock_guard lock(mutex_);
    queued = !lost();
    if (queued) {
      queue_.push(request);
      must_wake = std::exchange(sleeping_, false);
    }
  }
  if (!queued) return finish(request, EIO);
  if (must_wake) wake();
}

void Connection::finish(Request& request, int errnum) noexcept {
  load_.fetch_sub(1, std::memory_order_relaxed);
  request.status = Status(errnum);
  request.completion->completed(request);
}

void Connection::run() noexcept {
  for (;;) {
    issue_queued();
    reap();
    if (is_gone(handle_.get())) return lose();
    const auto timeout_ms = poll_timeout_ms();
    if (!timeout_ms) return disconnect();
    wait_and_notify(*timeout_ms);
  }
}

// Nothing: it is time to stop.
std::optional<int> Connection::poll_timeout_ms() {
  const std::lock_guard lock(mutex_);
  if (queue_.head != nullptr) return 0;  // no wake-up is on its way for these
  if (stopping_ && flights_.empty()) return std::nullopt;
  sleeping_ = true;
  return -1;
}

void Connection::issue_queued() {
  Request* next;
  {
    const std::lock_guard lock(mutex_);
    sleeping_ = false;
    next = std::exchange(queue_, Queue{}).head;
  }
  while (next != nullptr) {
    Request& request = *std::exchange(next, next->next);
    const int64_t cookie = issue(request);
    if (cookie < 0) {
      finish(request, file_errno(handle_.get(), nbd_get_errno()));
    } else {
      flights_.push_back({cookie, &request});
    }
  }
}

int64_t Connection::issue(Request& r) {
  nbd_handle* const h = handle_.get();
  switch (r.command) {
    case Command::read: return nbd_aio_pread(h, r.data, r.length, r.offset, {}, 0);
    case Command::write: return nbd_aio_pwrite(h, r.data, r.length, r.offset, {}, 0);
    case Command::flush: return nbd_aio_flush(h, {}, 0);
    case Command::zero:
      return nbd_aio_zero(h, r.length, r.offset, {}, r.allocate ? LIBNBD_CMD_FLAG_NO_HOLE : 0);
    case Command::block_status:
      return nbd_aio_block_status(h, r.length, r.offset, {.callback = on_extents, .user_data = &r},
                                  {}, 0);
  }
  return -1;
}

void Connection::wait_and_notify(int timeout_ms) {
  nbd_handle* const h = handle_.get();
  const unsigned direction = nbd_aio_get_direction(h);
  const bool reads = (direction & LIBNBD_AIO_DIRECTION_READ) != 0;
  const bool writes = (direction & LIBNBD_AIO_DIRECTION_WRITE) != 0;
  pollfd fds[2] = {{nbd_aio_get_fd(h), 0, 0}, {wake_.get(), POLLIN, 0}};
  fds[0].events = static_cast<short>((reads ? POLLIN : 0) | (writes ? POLLOUT : 0));
  if (::poll(fds, 2, timeout_ms) <= 0) return;
  if (fds[1].revents != 0) {
    eventfd_t ignored;
    (void)::eventfd_read(wake_.get(), &ignored);
  }
  // Only what poll has just said, and once: libnbd 1.14 that is told to read while
  // nothing is there waits for a reply from then on, and keeps back what is
  // submitted to it, so an idle connection would hang.
  // An error or hang-up shows in the read or write that follows.
  const bool broken = (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL)) != 0;
  int result = 0;
  if (reads && ((fds[0].revents & POLLIN) != 0 || broken)) {
    result = nbd_aio_notify_read(h);
  } else if (writes && ((fds[0].revents & POLLOUT) != 0 || broken)) {
    result = nbd_aio_notify_write(h);
  }
  if (result == -1) why_lost_ = last_nbd_error();
}

// Retires what has completed. nbd_aio_command_completed is also where libnbd
// notices a read whose answer had gaps; a completion callback would not see it.
void Connection::reap() {
  nbd_handle* const h = handle_.get();
  if (flights_.empty()) return;
  for (int64_t cookie; (cookie = nbd_aio_peek_command_completed(h)) > 0;) {
    const int result = nbd_aio_command_completed(h, static_cast<uint64_t>(cookie));
    const int errnum = result == 1 ? 0 : file_errno(h, nbd_get_errno());
    for (auto& flight : flights_) {
      if (flight.cookie != cookie) continue;
      Request& request = *flight.request;
      flight = flights_.back();
      flights_.pop_back();
      finish(request, errnum);
      break;
    }
  }
}

// Everything that is here or comes later fails with EIO.
void Connection::lose() noexcept {
  nbd::log::error("lost the server: {}", why_lost_);
  Request* next;
  {
    const std::lock_guard lock(mutex_);
    lost_.store(true, std::memory_order_relaxed);
    next = std::exchange(queue_, Queue{}).head;
  }
  for (const Flight& flight : std::exchange(flights_, {})) finish(*flight.request, EIO);
  while (next != nullptr) finish(*std::exchange(next, next->next), EIO);
}

// Asks the server to close and waits for that a while: not for ever, since a
// server that does not answer must not keep us from ending.
void Connection::disconnect() noexcept {
  nbd_handle* const h = handle_.get();
  if (nbd_aio_disconnect(h, 0) == -1) return;
  const auto deadline = std::chrono::steady_clock::now() + kDisconnectTimeout;
  while (!is_gone(h)) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || nbd_poll(h, static_cast<int>(left.count())) <= 0) return;
  }
}

}  // namespace nbdfuse
