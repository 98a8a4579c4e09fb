// SPDX-License-Identifier: BSD-3-Clause
#include "range-lock.hpp"

#include <algorithm>
#include <utility>

namespace nbdfuse {

// True if it holds at once.
bool RangeLock::enter(Held& held, std::coroutine_handle<> waiter) {
  const std::lock_guard lock(mutex_);
  entries_.push_back(&held);
  if (!blocked(entries_.size() - 1)) return true;
  held.waiter_ = waiter;
  return false;
}

void RangeLock::release(Held& held) noexcept {
  // One waiter at a time, looked for anew: what a resumed coroutine does may
  // change the list.
  std::unique_lock lock(mutex_);
  const auto here = std::find(entries_.begin(), entries_.end(), &held);
  if (here != entries_.end()) entries_.erase(here);
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (!entries_[i]->waiter_ || blocked(i)) continue;
    const auto waiter = std::exchange(entries_[i]->waiter_, nullptr);
    lock.unlock();
    waiter.resume();
    lock.lock();
    i = static_cast<size_t>(-1);  // from the start
  }
}

bool RangeLock::blocked(size_t index) const {
  const Held& held = *entries_[index];
  return std::any_of(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(index),
                     [&](const Held* earlier) { return earlier->overlaps(held); });
}

}  // namespace nbdfuse
