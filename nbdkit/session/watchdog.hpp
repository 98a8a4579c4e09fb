// SPDX-License-Identifier: BSD-3-Clause
//
// The thread that reads a client's requests serves one itself where it expects to
// be done soon: to hand it to another thread costs some ten microseconds. If it is
// mistaken, the requests behind it must not wait. So one watchdog for all
// connections looks every half a millisecond at those that are at work, and
// where a thread is still in the call in which it was seen before, has a worker
// go on in its place: a request is held up for a millisecond at most.
//
// Nobody at work, nobody watches: the watchdog sleeps.
//
// Threads: a Turn belongs to the thread whose turn it is, until it loses it. The
// watchdog's own thread, made when it is first needed, does the rest.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "session/worker-pool.hpp"

namespace nbdkit {

class Watchdog {
 public:
  explicit Watchdog(WorkerPool& pool) : pool_(pool) {}
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog();

  // Whose thread it is that reads the requests of one connection.
  class Turn {
   public:
    // stand_in: what a worker does to go on; copying it must not throw. By then the
    // turn is that worker's, with all that its last owner did before enter().
    // Whoever destroys a Turn waits for its stand-in first.
    Turn(Watchdog& watchdog, WorkerPool::Task stand_in)
        : watchdog_(watchdog), stand_in_(std::move(stand_in)) {}
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn();

    // A call begins that may take long. Its number; nothing if the system has no
    // thread to watch it.
    std::optional<uint64_t> enter() noexcept;
    // It is over. False: it took long, and the turn is another thread's.
    [[nodiscard]] bool leave(uint64_t call) noexcept;

   private:
    friend class Watchdog;
    static constexpr uint64_t kOutside = 0, kLost = UINT64_MAX;

    Watchdog& watchdog_;
    const WorkerPool::Task stand_in_;
    uint64_t calls_ = 0;                      // its owner's
    std::atomic<uint64_t> state_ = kOutside;  // or kLost, or the number of the call
    std::atomic<bool> is_watched_ = false;    // set with the watchdog's lock
    uint64_t seen_ = kOutside;                // the watchdog's
    unsigned idle_looks_ = 0;                 // likewise
  };

  static constexpr std::chrono::microseconds kPeriod{500};

 private:
  // Longer than the gaps in a client's work: to be woken costs it and us more.
  static constexpr unsigned kIdleLooks = 20;

  bool watch(Turn& turn) noexcept;
  void forget(Turn& turn) noexcept;
  void work() noexcept;
  void look() noexcept;
  static bool is_idle(Turn& turn) noexcept;

  WorkerPool& pool_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Turn*> watched_;
  std::vector<WorkerPool::Task> stand_ins_;  // found necessary; of the watchdog's thread
  bool running_ = false;
  bool stopping_ = false;
};

}  // namespace nbdkit
