// SPDX-License-Identifier: BSD-3-Clause
//
// Who leads: the connection's own thread, or a stand-in, or nobody any more.
#include <chrono>
#include <exception>

#include "base/log.hpp"
#include "session/transmission.hpp"

namespace nbdkit {

namespace {
// After so long an idle connection is one thread again.
constexpr std::chrono::milliseconds kStandInPatience{100};
}  // namespace

void Transmission::run() {
  do {
    lead(false);
  } while (wait_for_turn());
  replies_.wait_until_idle();
  if (failure_) std::rethrow_exception(failure_);
}

// Until there are no more requests, or the turn is another thread's.
void Transmission::lead(bool is_stand_in) noexcept {
  std::exception_ptr failure;
  try {
    const auto how = serve_requests(is_stand_in);
    if (!how) return;
    client_.hearing = *how;
    start_jobs();
    flush_batch();
  } catch (...) {
    failure = std::current_exception();
    client_.hearing = Hearing::gone;
    start_jobs();
    send_what_is_ready();
  }
  const std::lock_guard lock(leader_mutex_);  // after it this object may be gone
  failure_ = failure;
  is_over_ = true;
  leader_changed_.notify_one();
}

void Transmission::stand_in() noexcept {
  const ClientScope client(client_);
  const nbd::log::Scope name(client_.log_name);
  lead(true);
}

// The connection's own thread, when it does not lead: until it does, or all is over.
bool Transmission::wait_for_turn() {
  std::unique_lock lock(leader_mutex_);
  own_thread_waits_ = true;
  leader_changed_.wait(lock, [&] { return is_over_ || !own_thread_waits_; });
  return !is_over_;
}

bool Transmission::give_back_turn() {
  const std::lock_guard lock(leader_mutex_);
  if (!own_thread_waits_) return false;
  own_thread_waits_ = false;
  leader_changed_.notify_one();
  return true;
}

// While there is nothing to do for a stand-in, but the connection's own thread is
// still busy, it looks now and then whether that has changed: an idle connection
// has one thread. False: it has given the turn back.
bool Transmission::has_request_or_gives_back() {
  if (give_back_turn()) return false;
  while (input_.buffered() == 0 && !stream_.has_input_within(kStandInPatience)) {
    if (give_back_turn()) return false;
  }
  return true;
}

// To the connection's own thread or else a worker. False: there is none. Otherwise
// all that is the leader's is another thread's by now.
bool Transmission::pass_the_lead() noexcept {
  return give_back_turn() || pool_.submit_elsewhere([this] { stand_in(); });
}

}  // namespace nbdkit
