// SPDX-License-Identifier: BSD-3-Clause
//
// One NBD connection: a channel, driven by a loop; and, if a server may come back,
// the requests that wait for that.
//
// Threads: from Loop::start() on the channel is touched in the loop's thread alone.
// Others put requests in a queue, under a lock. Requests are completed in the loop's
// thread, or inside submit() while there is no server.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>

#include "channel.hpp"
#include "connect.hpp"
#include "loop.hpp"
#include "remote.hpp"

namespace nbdfuse {

class Connection final : public Loop::Client {
 public:
  Connection(Loop& loop, Handle connected, Replies replies);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  // Says goodbye to the server. REQUIRES: nothing is in flight, the loop stopped.
  ~Connection();

  // Called in the loop's thread when the server has gone. Without it, it is gone
  // for good, and every request fails. Set before the connection is in its loop.
  void on_lost(std::function<void()> callback) { on_lost_ = std::move(callback); }

  void submit(Request& request) noexcept;

  // Of requests submitted and not completed.
  unsigned load() const noexcept { return load_.load(std::memory_order_relaxed); }
  // Whether the server answered the last ones soon.
  bool quick() const noexcept { return quick_.load(std::memory_order_relaxed); }
  bool lost() const noexcept { return state_.load(std::memory_order_relaxed) != State::up; }
  const Loop& loop() const noexcept { return loop_; }
  // What it was connected with, and is to be again. Extents need structured ones.
  Replies replies() const noexcept { return replies_; }

  // REQUIRES, for these three: on_lost has been called.
  // What waits, and what came back unanswered, goes out on a new connection.
  void resume(Handle connected);
  // What waits fails now, and what comes later at once, until resume().
  void stop_waiting() noexcept;
  // What waits: its completion is somebody else's now.
  RequestQueue hand_over() noexcept;

  Wish work() noexcept override;
  void ready(uint32_t events) noexcept override;

 private:
  enum class State { up, waiting, refusing };

  void adopt();
  void issue_queued();
  std::unique_ptr<Channel> open(Handle connected);
  void finish_or_keep(Request& request, int errnum);
  void lose() noexcept;
  void finish(Request& request, int errnum) noexcept;
  RequestQueue take_queue();

  Loop& loop_;
  const Replies replies_;
  std::function<void()> on_lost_;
  // The thread's own:
  std::unique_ptr<Channel> channel_;
  std::chrono::steady_clock::time_point now_;  // of the turn
  RequestQueue unanswered_;                    // the server said that it is going: for the next one

  std::mutex mutex_;
  RequestQueue queue_;  // under mutex_
  Handle fresh_;        // under mutex_: resume()'s, not yet adopted

  std::atomic<unsigned> load_{0};
  std::atomic<bool> quick_{false};
  std::atomic<State> state_{State::up};  // written under mutex_
};

}  // namespace nbdfuse
