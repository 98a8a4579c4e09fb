// SPDX-License-Identifier: BSD-3-Clause
#include "session/watchdog.hpp"

#include <algorithm>
#include <thread>

#include "base/thread.hpp"

namespace nbdkit {

Watchdog::~Watchdog() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
  changed_.wait(lock, [&] { return !running_; });
}

Watchdog::Turn::~Turn() {
  if (calls_ > 0) watchdog_.forget(*this);
}

// First the call, then the question whether it is watched; is_idle() does the two
// the other way round, so one of them sees what the other has done.
std::optional<uint64_t> Watchdog::Turn::enter() noexcept {
  const uint64_t call = ++calls_;
  state_.store(call);
  if (is_watched_.load() || watchdog_.watch(*this)) return call;
  state_.store(kOutside);
  return std::nullopt;
}

bool Watchdog::Turn::leave(uint64_t call) noexcept {
  return state_.compare_exchange_strong(call, kOutside);
}

bool Watchdog::watch(Turn& turn) noexcept {
  const std::lock_guard lock(mutex_);
  if (turn.is_watched_) return true;
  try {
    watched_.push_back(&turn);
    stand_ins_.reserve(watched_.capacity());
  } catch (const std::exception&) {
    if (!watched_.empty() && watched_.back() == &turn) watched_.pop_back();
    return false;
  }
  if (!running_) running_ = nbd::start_thread(nbd::kStackSize, [this] { work(); });
  if (!running_) {
    watched_.pop_back();
    return false;
  }
  turn.seen_ = Turn::kOutside;
  turn.idle_looks_ = 0;
  turn.is_watched_ = true;
  if (watched_.size() == 1) changed_.notify_all();
  return true;
}

void Watchdog::forget(Turn& turn) noexcept {
  const std::lock_guard lock(mutex_);
  std::erase(watched_, &turn);
}

void Watchdog::work() noexcept {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    if (watched_.empty()) {
      changed_.wait(lock);
      continue;
    }
    lock.unlock();
    std::this_thread::sleep_for(kPeriod);
    lock.lock();
    look();
    if (stand_ins_.empty()) continue;
    // Without the lock: if there is no worker to be had, they run here.
    std::vector<WorkerPool::Task> now;
    now.swap(stand_ins_);
    lock.unlock();
    pool_.submit(now);
    now.clear();
    lock.lock();
    if (now.capacity() > stand_ins_.capacity()) now.swap(stand_ins_);  // the room that watch() made
  }
  running_ = false;
  changed_.notify_all();
}

// Who has been in the same call since the last look loses the turn.
void Watchdog::look() noexcept {
  std::erase_if(watched_, [&](Turn* turn) {
    uint64_t now = turn->state_.load();
    const bool inside = now != Turn::kOutside && now != Turn::kLost;
    const bool stuck = inside && now == turn->seen_;
    if (now != turn->seen_) turn->idle_looks_ = 0;
    turn->seen_ = now;
    if (stuck && turn->state_.compare_exchange_strong(now, Turn::kLost)) {
      stand_ins_.push_back(turn->stand_in_);
    }
    return !inside && is_idle(*turn);
  });
}

bool Watchdog::is_idle(Turn& turn) noexcept {
  if (++turn.idle_looks_ < kIdleLooks) return false;
  turn.is_watched_.store(false);
  const uint64_t now = turn.state_.load();
  if (now == Turn::kOutside || now == Turn::kLost) return true;
  turn.is_watched_.store(true);
  return false;
}

}  // namespace nbdkit
