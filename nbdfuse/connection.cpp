// SPDX-License-Identifier: BSD-3-Clause
#include "connection.hpp"

#include <algorithm>
#include <utility>

#include "base/log.hpp"
#include "libnbd-channel.hpp"
#include "limits.hpp"
#include "plain-channel.hpp"

namespace nbdfuse {

namespace {

unsigned load_of(const Request& request) {
  const bool carries = request.command == Command::read || request.command == Command::write;
  const auto more = carries && request.length > 0 ? (request.length - 1) / kBytesPerLoad : 0;
  return static_cast<unsigned>(std::min<uint64_t>(1 + more, kMostLoad));
}

}  // namespace

std::unique_ptr<Channel> make_channel(Handle connected, Channel::Answered answered) {
  if (nbd_get_tls_negotiated(connected.get()) > 0) {
    return std::make_unique<LibnbdChannel>(std::move(connected), std::move(answered));
  }
  return std::make_unique<PlainChannel>(std::move(connected), std::move(answered));
}

Connection::Connection(Loop& loop, Handle connected, Replies replies)
    : loop_(loop), replies_(replies), channel_(open(std::move(connected))) {}

Connection::~Connection() {
  if (channel_) channel_->disconnect();
}

std::unique_ptr<Channel> Connection::open(Handle connected) {
  return make_channel(std::move(connected),
                      [this](Request& request, int errnum) { finish_or_keep(request, errnum); });
}

void Connection::submit(Request& request) noexcept {
  load_.fetch_add(load_of(request), std::memory_order_relaxed);
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
  load_.fetch_sub(load_of(request), std::memory_order_relaxed);
  request.status = Status(errnum);
  request.completion->completed(request);
}

RequestQueue Connection::take_queue() {
  const std::lock_guard lock(mutex_);
  return std::exchange(queue_, RequestQueue{});
}

Loop::Client::Wish Connection::work() noexcept {
  if (!channel_) adopt();
  if (!channel_) return {};
  // None to a server that has said that it is about to end.
  if (unanswered_.empty()) issue_queued();
  channel_->work();
  const bool left = !unanswered_.empty() && channel_->idle();
  if (left || channel_->gone()) {
    lose();
    return {};
  }
  return channel_->wish();
}

// While there is no server: takes up the new one, or fails what must not wait.
void Connection::adopt() {
  RequestQueue refused;
  {
    const std::lock_guard lock(mutex_);
    if (fresh_) {
      channel_ = open(std::move(fresh_));
      state_.store(State::up, std::memory_order_relaxed);
    } else if (state_.load(std::memory_order_relaxed) == State::refusing) {
      refused = std::exchange(queue_, RequestQueue{});
    }
  }
  while (!refused.empty()) finish(refused.pop(), EIO);
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

RequestQueue Connection::hand_over() noexcept {
  const std::lock_guard lock(mutex_);
  if (fresh_ || !lost()) return {};
  const RequestQueue waiting = std::exchange(queue_, RequestQueue{});
  for (const Request* r = waiting.first(); r != nullptr; r = r->next) {
    load_.fetch_sub(load_of(*r), std::memory_order_relaxed);
  }
  return waiting;
}

void Connection::issue_queued() {
  RequestQueue queued = take_queue();
  if (!queued.empty()) now_ = std::chrono::steady_clock::now();
  while (!queued.empty()) {
    Request& request = queued.pop();
    if (nbd::log::verbose()) {
      nbd::log::debug("connection {}: {} of {} bytes at {}", fmt::ptr(this),
                      command_name(request.command), request.length, request.offset);
    }
    request.issued = now_;
    channel_->issue(request);
  }
}

void Connection::ready(uint32_t events) noexcept {
  now_ = std::chrono::steady_clock::now();
  channel_->ready(events);
}

// A request that the server answered by saying that it is about to end is for the next
// one if there may be one.
void Connection::finish_or_keep(Request& request, int errnum) {
  const bool quick = now_ - request.issued < kQuick;
  if (quick != quick_.load(std::memory_order_relaxed)) {
    quick_.store(quick, std::memory_order_relaxed);
  }
  if (on_lost_ && errnum == ESHUTDOWN) {
    request.extents.clear();
    unanswered_.push(request);
  } else {
    finish(request, errnum);
  }
}

// The server is gone. What it left unanswered will be sent again before what has
// come since, in the order in which it was sent first. Nobody was told that such
// a request was done, so doing it twice is doing it once.
void Connection::lose() noexcept {
  nbd::log::error("lost the server: {}", channel_->why_gone());
  RequestQueue again = std::exchange(unanswered_, {});
  RequestQueue flights = channel_->take_flights();
  while (!flights.empty()) {
    Request& request = flights.pop();
    request.extents.clear();
    again.push(request);
  }
  channel_.reset();
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

}  // namespace nbdfuse
