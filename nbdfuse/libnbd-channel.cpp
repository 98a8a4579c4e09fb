// SPDX-License-Identifier: BSD-3-Clause
#include "libnbd-channel.hpp"

#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "limits.hpp"

namespace nbdfuse {

namespace {

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

LibnbdChannel::LibnbdChannel(Handle connected, Answered answered)
    : handle_(std::move(connected)), answered_(std::move(answered)) {
  flights_.reserve(kMaxInFlight);
}

bool LibnbdChannel::gone() const {
  return nbd_aio_is_dead(handle_.get()) > 0 || nbd_aio_is_closed(handle_.get()) > 0;
}

int64_t LibnbdChannel::send(Request& r) {
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

void LibnbdChannel::issue(Request& request) {
  const int64_t cookie = send(request);
  if (cookie < 0) {
    answer(request, nbd_get_errno());
  } else {
    flights_.push_back({cookie, &request});
  }
}

// ENOTCONN: the command was lost with its connection; EINVAL: it was refused before
// it was sent, since the connection is gone. A server can send neither to mean that.
void LibnbdChannel::answer(Request& request, int errnum) {
  if (errnum != 0 && gone()) {
    kept_.push(request);
  } else {
    answered_(request, errnum == ENOTCONN ? EIO : errnum);
  }
}

// Retires what has completed. nbd_aio_command_completed is also where libnbd
// notices a read whose answer had gaps; a completion callback would not see it.
void LibnbdChannel::work() {
  nbd_handle* const h = handle_.get();
  if (flights_.empty()) return;
  for (int64_t cookie; (cookie = nbd_aio_peek_command_completed(h)) > 0;) {
    const int result = nbd_aio_command_completed(h, static_cast<uint64_t>(cookie));
    const int errnum = result == 1 ? 0 : std::max(nbd_get_errno(), 1);
    const auto flight = std::find_if(flights_.begin(), flights_.end(),
                                     [&](const Flight& f) { return f.cookie == cookie; });
    if (flight == flights_.end()) continue;
    Request& request = *flight->request;
    *flight = flights_.back();
    flights_.pop_back();
    answer(request, errnum);
  }
}

void LibnbdChannel::ready(uint32_t events) {
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
  if (result == -1) why_gone_ = last_nbd_error();
}

// Errors and hang-ups are told in any case, and show in the read that follows.
Loop::Client::Wish LibnbdChannel::wish() const {
  const unsigned direction = nbd_aio_get_direction(handle_.get());
  const bool reads = (direction & LIBNBD_AIO_DIRECTION_READ) != 0;
  const bool writes = (direction & LIBNBD_AIO_DIRECTION_WRITE) != 0;
  return {nbd_aio_get_fd(handle_.get()), (reads ? EPOLLIN : 0U) | (writes ? EPOLLOUT : 0U)};
}

RequestQueue LibnbdChannel::take_flights() {
  std::sort(flights_.begin(), flights_.end(),
            [](const Flight& a, const Flight& b) { return a.cookie < b.cookie; });
  RequestQueue left = std::exchange(kept_, {});
  for (const Flight& flight : std::exchange(flights_, {})) left.push(*flight.request);
  return left;
}

void LibnbdChannel::disconnect() noexcept {
  nbd_handle* const h = handle_.get();
  if (nbd_aio_disconnect(h, 0) == -1) return;
  const auto deadline = std::chrono::steady_clock::now() + kDisconnectTimeout;
  while (!gone()) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0 || nbd_poll(h, static_cast<int>(left.count())) <= 0) return;
  }
}

}  // namespace nbdfuse
