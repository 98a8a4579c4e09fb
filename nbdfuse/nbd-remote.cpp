// SPDX-License-Identifier: BSD-3-Clause
#include "nbd-remote.hpp"

#include <algorithm>
#include <climits>

#include "base/error.hpp"
#include "base/log.hpp"
#include "limits.hpp"

namespace nbdfuse {

std::string why_not_the_same(const Export& before, const Export& now) {
  if (now.size != before.size) {
    return fmt::format("its size is {} bytes now and was {}", now.size, before.size);
  }
  if (now.read_only && !before.read_only) return "it is read-only now";
  if (now.minimum_block > before.minimum_block || now.maximum_block < before.maximum_block) {
    return fmt::format("its block sizes are {} to {} now and were {} to {}", now.minimum_block,
                       now.maximum_block, before.minimum_block, before.maximum_block);
  }
  if (before.can_flush && !now.can_flush) return "it cannot flush any more";
  if (before.can_zero && !now.can_zero) return "it cannot write zeroes any more";
  if (before.can_trim && !now.can_trim) return "it cannot trim any more";
  if (before.can_block_status && !now.can_block_status)
    return "it does not tell its holes any more";
  return "";
}

NbdRemote::NbdRemote(Loops& loops, RemoteSettings settings)
    : loops_(loops), settings_(std::move(settings)) {
  const Target& target = settings_.target;
  if (settings_.reconnect && !has_address(target.mode)) {
    nbd::fail("--reconnect needs a server with an address, which {} has not", describe(target));
  }
  Handle first = connect(target, settings_.export_name, Replies::structured);
  export_ = describe_export(first.get(), settings_.read_only);
  const bool several = nbd_can_multi_conn(first.get()) > 0 && has_address(target.mode);
  // The first, which tells extents, becomes the last: where most requests go, which is
  // the loop that reads the kernel's, they are to cost the least.
  const auto replies = is_local(first.get()) ? Replies::simple : Replies::structured;
  while (several && connections_.size() + 1 < settings_.connections) {
    Handle next;
    try {
      next = connect(target, settings_.export_name, replies);
    } catch (const nbd::Error& error) {
      // Fewer than hoped for, as with a server that limits its clients, still work.
      nbd::log::error("going on with {} of {} connections: {}", connections_.size() + 1,
                      settings_.connections, error.what());
      break;
    }
    const auto reason = why_not_ours(next.get(), replies);
    if (!reason.empty()) nbd::fail("the server shows each connection another disk: {}", reason);
    add(std::move(next), replies);
  }
  add(std::move(first), Replies::structured);
  for (size_t i = 0; i < connections_.size(); ++i) loops_[i].add(*connections_[i]);
  nbd::log::debug("{} connections, size {}, block sizes {} {} {}", connections_.size(),
                  export_.size, export_.minimum_block, export_.preferred_block,
                  export_.maximum_block);
}

std::string NbdRemote::why_not_ours(nbd_handle* handle, Replies replies) const {
  Export now = describe_export(handle, settings_.read_only);
  if (replies == Replies::simple) now.can_block_status = export_.can_block_status;
  return why_not_the_same(export_, now);
}

void NbdRemote::add(Handle handle, Replies replies) {
  auto& connection = connections_.emplace_back(
      std::make_unique<Connection>(loops_[connections_.size()], std::move(handle), replies));
  if (settings_.reconnect) {
    connection->on_lost([this, &lost = *connection] { on_lost(lost); });
  }
}

// To the connection with the least to do, but rather to one of this thread, the more so
// if the server has been quick; to a lost one only if all are.
void NbdRemote::submit(Request& request) noexcept {
  const Loop* const here = Loop::current();
  const bool quick = std::any_of(connections_.begin(), connections_.end(),
                                 [&](const auto& c) { return &c->loop() == here && c->quick(); });
  const unsigned far = quick ? kHandOverIfQuick : kHandOver;
  Connection* best = nullptr;
  unsigned least = UINT_MAX;
  for (const auto& candidate : connections_) {
    if (request.command == Command::block_status && candidate->replies() == Replies::simple) {
      continue;
    }
    const unsigned cost = candidate->lost()
                              ? UINT_MAX - 1
                              : candidate->load() + (&candidate->loop() == here ? 0 : far);
    if (cost < least) {
      least = cost;
      best = candidate.get();
    }
  }
  best->submit(request);
}

// ---- a server that comes back ------------------------------------------------

void NbdRemote::on_lost(Connection& connection) {
  const std::lock_guard lock(mutex_);
  lost_.push_back(&connection);
  // Not in the constructor: nobody is to start before the signals are settled.
  if (!bringer_.joinable()) {
    bringer_ = std::jthread([this](const std::stop_token& stopping) { bring_back(stopping); });
  }
  changed_.notify_one();
}

bool NbdRemote::any_is_up() const {
  return std::any_of(connections_.begin(), connections_.end(),
                     [](const auto& connection) { return !connection->lost(); });
}

// REQUIRES: mutex_. If some connections are up, nobody waits for the others.
void NbdRemote::spread_waiting() noexcept {
  if (!any_is_up()) return;
  for (Connection* connection : lost_) {
    RequestQueue waiting = connection->hand_over();
    while (!waiting.empty()) submit(waiting.pop());
  }
}

void NbdRemote::bring_back(const std::stop_token& stopping) {
  std::unique_lock lock(mutex_);
  while (changed_.wait(lock, stopping, [this] { return !lost_.empty(); })) {
    const auto since = Clock::now();
    const auto patience = *settings_.reconnect;
    auto pause = kFirstPause;
    while (!lost_.empty() && !stopping.stop_requested()) {
      spread_waiting();
      Connection& next = *lost_.front();
      lock.unlock();
      const Outcome outcome = bring_back_one(next, since + patience, stopping);
      lock.lock();
      if (outcome == Outcome::back) {
        lost_.erase(std::find(lost_.begin(), lost_.end(), &next));
        continue;
      }
      if (outcome == Outcome::other_disk || Clock::now() > since + patience) {
        for (Connection* lost : lost_) lost->stop_waiting();
      }
      changed_.wait_for(lock, stopping, pause, [] { return false; });
      pause = std::min(pause * 2, kLongestPause);
    }
  }
}

NbdRemote::Outcome NbdRemote::bring_back_one(Connection& connection, Clock::time_point give_up,
                                             const std::stop_token& stopping) {
  try {
    const auto now = Clock::now();
    const auto latest = now + kConnectTimeout;
    Handle handle = connect_until(settings_.target, settings_.export_name, connection.replies(),
                                  give_up > now ? std::min(give_up, latest) : latest, stopping);
    const auto reason = why_not_ours(handle.get(), connection.replies());
    if (reason.empty()) {
      nbd::log::warning("connected to the server again");
      connection.resume(std::move(handle));
      other_disk_told_ = false;
      return Outcome::back;
    }
    if (!std::exchange(other_disk_told_, true)) {
      nbd::log::error("the server is back with another disk, which is not used: {}", reason);
    }
    return Outcome::other_disk;
  } catch (const nbd::Error& error) {
    nbd::log::debug("{}", error.what());
  }
  return Outcome::away;
}

}  // namespace nbdfuse
