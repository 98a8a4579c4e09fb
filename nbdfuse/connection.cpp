// SPDX-License-Identifier: BSD-3-Clause
#include "connection.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/error.hpp"
#include "base/log.hpp"
#include "limits.hpp"

namespace nbdfuse {

namespace {

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

void Connection::Queue::push(Request& request) {
  request.next = nullptr;
  (head == nullptr ? head : tail->next) = &request;
  tail = &request;
}

void Connection::Queue::push_all(Queue more) {
  if (more.head == nullptr) return;
  (head == nullptr ? head : tail->next) = more.head;
  tail = more.tail;
}

Connection::Connection(Loop& loop, Handle connected, Replies replies)
    : loop_(loop), replies_(replies), handle_(std::move(connected)) {
  flights_.reserve(kMaxInFlight);
}

Connection::~Connection() {
  if (handle_) disconnect();
}

void Connection::submit(Request& request) noexcept {
  load_.fetch_add(1, std::memory_order_relaxed);
  {
    const std::lock_guard lock(mutex_);
    if (state_.load(std::memory_order_relaxed) != State::refusing) {
      queue_.push(request);
      loop_.wake();
      return;
    }
  }
  finish(request, EIO);
}

void Connection::finish(Request& request, int errnum) noexcept {
  load_.fetch_sub(1, std::memory_order_relaxed);
  request.status = Status(errnum);
  request.completion->completed(request);
}

Connection::Queue Connection::take_queue() {
  const std::lock_guard lock(mutex_);
  return std::exchange(queue_, Queue{});
}

Loop::Client::Wish Connection::work() noexcept {
  if (!handle_) adopt();
  if (!handle_) return {};
  // None to a server that has said that it is about to end.
  if (unanswered_.head == nullptr) issue_queued();
  reap();
  const bool left = unanswered_.head != nullptr && flights_.empty();
  if (left || is_gone(handle_.get())) {
    lose();
    return {};
  }
  // Errors and hang-ups are told in any case, and show in the read that follows.
  const unsigned direction = nbd_aio_get_direction(handle_.get());
  const bool reads = (direction & LIBNBD_AIO_DIRECTION_READ) != 0;
  const bool writes = (direction & LIBNBD_AIO_DIRECTION_WRITE) != 0;
  return {nbd_aio_get_fd(handle_.get()), (reads ? EPOLLIN : 0U) | (writes ? EPOLLOUT : 0U)};
}

// While there is no server: takes up the new one, or fails what must not wait.
void Connection::adopt() {
  Queue refused;
  {
    const std::lock_guard lock(mutex_);
    if (fresh_) {
      handle_ = std::move(fresh_);
      state_.store(State::up, std::memory_order_relaxed);
    } else if (state_.load(std::memory_order_relaxed) == State::refusing) {
      refused = std::exchange(queue_, Queue{});
    }
  }
  while (refused.head != nullptr) finish(*std::exchange(refused.head, refused.head->next), EIO);
}

void Connection::resume(Handle connected) {
  {
    const std::lock_guard lock(mutex_);
    fresh_ = std::move(connected);
  }
  loop_.wake();
}

void Connection::stop_waiting() noexcept {
  {
    const std::lock_guard lock(mutex_);
    if (fresh_) return;
    state_.store(State::refusing, std::memory_order_relaxed);
  }
  loop_.wake();
}

Request* Connection::hand_over() noexcept {
  const std::lock_guard lock(mutex_);
  if (fresh_ || !lost()) return nullptr;
  Request* const first = std::exchange(queue_, Queue{}).head;
  for (Request* r = first; r != nullptr; r = r->next) load_.fetch_sub(1, std::memory_order_relaxed);
  return first;
}

void Connection::issue_queued() {
  Request* next = take_queue().head;
  while (next != nullptr) {
    Request& request = *std::exchange(next, next->next);
    const int64_t cookie = issue(request);
    if (cookie < 0) {
      finish_or_keep(request, nbd_get_errno());
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
    case Command::trim: return nbd_aio_trim(h, r.length, r.offset, {}, 0);
    case Command::block_status:
      return nbd_aio_block_status(h, r.length, r.offset, {.callback = on_extents, .user_data = &r},
                                  {}, 0);
  }
  return -1;
}

void Connection::ready(uint32_t events) noexcept {
  nbd_handle* const h = handle_.get();
  const unsigned direction = nbd_aio_get_direction(h);
  // Only what was just said, and once: libnbd 1.14 that is told to read while
  // nothing is there waits for a reply from then on, and keeps back what is
  // submitted to it, so an idle connection would hang.
  const bool broken = (events & (EPOLLHUP | EPOLLERR)) != 0;
  int result = 0;
  if ((direction & LIBNBD_AIO_DIRECTION_READ) != 0 && ((events & EPOLLIN) != 0 || broken)) {
    result = nbd_aio_notify_read(h);
  } else if ((direction & LIBNBD_AIO_DIRECTION_WRITE) != 0 &&
             ((events & EPOLLOUT) != 0 || broken)) {
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
    const int errnum = result == 1 ? 0 : nbd_get_errno();
    for (auto& flight : flights_) {
      if (flight.cookie != cookie) continue;
      Request& request = *flight.request;
      flight = flights_.back();
      flights_.pop_back();
      if (result == 1) {
        finish(request, 0);
      } else {
        finish_or_keep(request, errnum);
      }
      break;
    }
  }
}

// A request that the server did not answer, or answered by saying that it is
// about to end, is for the next one if there may be one.
void Connection::finish_or_keep(Request& request, int errnum) {
  const int said = file_errno(handle_.get(), errnum);
  if (on_lost_ && (is_gone(handle_.get()) || errnum == ESHUTDOWN)) {
    request.extents.clear();
    unanswered_.push(request);
  } else {
    finish(request, said);
  }
}

// The server is gone. What it left unanswered will be sent again before what has
// come since, in the order in which it was sent first. Nobody was told that such
// a request was done, so doing it twice is doing it once.
void Connection::lose() noexcept {
  nbd::log::error("lost the server: {}", why_lost_);
  std::sort(flights_.begin(), flights_.end(),
            [](const Flight& a, const Flight& b) { return a.cookie < b.cookie; });
  Queue again = std::exchange(unanswered_, Queue{});
  for (const Flight& flight : std::exchange(flights_, {})) {
    flight.request->extents.clear();
    again.push(*flight.request);
  }
  handle_.reset();
  {
    const std::lock_guard lock(mutex_);
    again.push_all(queue_);
    queue_ = again;
    state_.store(on_lost_ ? State::waiting : State::refusing, std::memory_order_relaxed);
  }
  if (on_lost_) {
    on_lost_();
  } else {
    adopt();
  }
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
