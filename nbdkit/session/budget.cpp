// SPDX-License-Identifier: BSD-3-Clause
#include "session/budget.hpp"

#include "base/log.hpp"
#include "layers/context.hpp"

namespace nbdkit {

Budget::Lease Budget::take(uint64_t bytes, Stream& stream) {
  // How often those who wait look at who keeps them waiting.
  const auto look = std::min<std::chrono::milliseconds>(terms_.patience, std::chrono::seconds(1));
  std::unique_lock lock(mutex_);
  const auto place = queue_.insert(queue_.end(), char{});
  // The server's end must not wait for a client; what runs then is soon over.
  while ((place != queue_.begin() || !has_room(bytes)) && !server().quitting()) {
    const bool woken = changed_.wait_for(lock, look) == std::cv_status::no_timeout;
    if (!woken && place == queue_.begin()) cut_off_slowest();
  }
  queue_.erase(place);
  if (!queue_.empty()) changed_.notify_all();  // the next may find room as well
  holders_.push_back({bytes, &stream, std::nullopt});
  held_ += bytes;
  return {*this, std::prev(holders_.end())};
}

// With the lock held: of those whose time is up, the one that has waited longest.
void Budget::cut_off_slowest() noexcept {
  using std::chrono::duration_cast, std::chrono::milliseconds;
  Holder* worst = nullptr;
  for (Holder& h : holders_) {
    if (!h.waiting_since || h.stream == nullptr) continue;
    const milliseconds allowed = terms_.patience + milliseconds(h.bytes * 1000 / terms_.slowest);
    if (Clock::now() - *h.waiting_since < allowed) continue;
    if (worst == nullptr || *h.waiting_since < *worst->waiting_since) worst = &h;
  }
  if (worst == nullptr) return;
  nbd::log::error(
      "cut off a client that has kept {} bytes of memory in use for {} s while others wait for it",
      worst->bytes,
      duration_cast<std::chrono::seconds>(Clock::now() - *worst->waiting_since).count());
  worst->stream->abort();
  worst->stream = nullptr;  // once is enough
}

void Budget::set_waiting(std::list<Holder>::iterator holder, bool waits) noexcept {
  const std::lock_guard lock(mutex_);
  holder->waiting_since = waits ? std::optional(Clock::now()) : std::nullopt;
}

void Budget::remove(std::list<Holder>::iterator holder) noexcept {
  const std::lock_guard lock(mutex_);
  held_ -= holder->bytes;
  holders_.erase(holder);
  if (!queue_.empty()) changed_.notify_all();
}

}  // namespace nbdkit
