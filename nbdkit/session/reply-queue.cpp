// SPDX-License-Identifier: BSD-3-Clause
#include "session/reply-queue.hpp"

#include <algorithm>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "session/limits.hpp"

namespace nbdkit {

void ReplyQueue::begin(Held held) {
  std::unique_lock lock(mutex_);
  wait(lock, [&] { return may_begin(held); });
  count(held);
}

bool ReplyQueue::begin_now(Held held) {
  const std::lock_guard lock(mutex_);
  if (!may_begin(held)) return false;
  count(held);
  return true;
}

void ReplyQueue::count(const Held& held) {
  ++in_flight_;
  bytes_in_flight_ += held.bytes;
  if (!held.counted) uncounted_ += held.bytes;
}

void ReplyQueue::uncount(const Held& held) {
  --in_flight_;
  bytes_in_flight_ -= held.bytes;
  if (!held.counted) uncounted_ -= held.bytes;
}

void ReplyQueue::end(Held held) {
  const std::lock_guard lock(mutex_);
  uncount(held);
  tell_change();
}

bool ReplyQueue::step_aside(const Held& held) noexcept {
  const std::lock_guard lock(mutex_);
  if (aside_ == limits::kMaxAside || bytes_aside_ + held.bytes > limits::kMaxBytesAside) {
    return false;
  }
  ++aside_;
  bytes_aside_ += held.bytes;
  uncount(held);
  tell_change();
  return true;
}

void ReplyQueue::step_back(const Held& held) noexcept {
  std::unique_lock lock(mutex_);
  ++stepping_back_;
  place_.wait(lock, [&] { return in_flight_ < max_in_flight_; });
  --stepping_back_;
  --aside_;
  bytes_aside_ -= held.bytes;
  count(held);
}

template <class Condition>
void ReplyQueue::wait(std::unique_lock<std::mutex>& lock, Condition&& condition) {
  waiting_ = true;
  changed_.wait(lock, condition);
  waiting_ = false;
}

// Under the lock: after it this object may be gone.
void ReplyQueue::tell_change() {
  if (stepping_back_ > 0) place_.notify_one();
  if (waiting_) changed_.notify_one();
}

bool ReplyQueue::may_begin(const Held& held) const {
  // Those who were here first, and have waited enough, go first.
  const unsigned taken = in_flight_ + stepping_back_;
  if (taken == 0) return true;  // one always may, however large
  return taken < max_in_flight_ && bytes_in_flight_ + held.bytes <= limits::kMaxBytesInFlight &&
         (held.counted || uncounted_ + held.bytes <= limits::kMaxUncountedInFlight);
}

void ReplyQueue::post(Reply reply) noexcept {
  reply.lease.wait_for_client(true);
  std::unique_lock lock(mutex_);
  queue_.push_back(std::move(reply));
  if (sending_) return;  // whoever sends takes it along
  sending_ = true;
  drain(lock);
  sending_ = false;
  tell_change();
}

void ReplyQueue::wait_until_idle() {
  std::unique_lock lock(mutex_);
  wait(lock, [&] { return in_flight_ == 0 && aside_ == 0 && !sending_; });
}

void ReplyQueue::send(std::span<const std::byte> bytes) {
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  send(std::span(&part, 1));
}

void ReplyQueue::send(std::span<iovec> parts) {
  as_sender([&] { stream_.send(parts); });
}

void ReplyQueue::send(Reply& reply) {
  reply.lease.wait_for_client(true);
  as_sender([&] { send_replies({&reply, 1}); });
}

// Runs call() when nobody else is sending, and then sends what has come.
template <class Call>
void ReplyQueue::as_sender(Call&& call) {
  std::unique_lock lock(mutex_);
  wait(lock, [&] { return !sending_; });
  if (broken_) nbd::fail("the client hung up while replies were sent");
  sending_ = true;
  lock.unlock();
  try {
    call();
  } catch (...) {
    lock.lock();
    broken_ = true;
    drain(lock);
    sending_ = false;
    throw;
  }
  lock.lock();
  drain(lock);
  sending_ = false;
}

// With sending_ set and the lock held; the lock is open while bytes move.
void ReplyQueue::drain(std::unique_lock<std::mutex>& lock) noexcept {
  while (!queue_.empty()) {
    std::swap(queue_, batch_);
    if (!broken_) {
      lock.unlock();
      send_batch();
      lock.lock();
    }
    for (const Reply& r : batch_) uncount(r.held);
    batch_.clear();  // keeps its room
    tell_change();
  }
}

void ReplyQueue::send_batch() noexcept {
  try {
    send_replies(batch_);
  } catch (const std::exception& e) {
    nbd::log::debug("{}", e.what());
    stream_.abort();
    const std::lock_guard lock(mutex_);
    broken_ = true;
  }
}

// As few system calls as there can be: one, and one more behind each pipe.
void ReplyQueue::send_replies(std::span<Reply> replies) {
  parts_.clear();
  for (Reply& r : replies) {
    if (r.size > 0) parts_.push_back({r.own().data(), r.size});
    for (const auto& piece : r.loan.memory()) {
      parts_.push_back({const_cast<std::byte*>(piece.data()), piece.size()});
    }
    if (r.pipe) {
      stream_.send(parts_, *r.pipe);
      parts_.clear();
    }
  }
  if (!parts_.empty()) stream_.send(parts_);
}

}  // namespace nbdkit
