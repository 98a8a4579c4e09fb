// SPDX-License-Identifier: BSD-3-Clause
//
// The memory that large requests of all clients may hold together. A small
// request is not counted, so that nobody waits for it and nothing is shared on
// its way; each connection has its own bound for those (reply-queue.hpp).
//
// Whoever finds no room waits, in the order of arrival. Somebody always makes
// room: a request that is with the plugin ends when the plugin returns, and one
// that waits for its client (to send the rest of a write, to take a reply) has
// a time for that, after which the client is cut off if others are waiting.
//
// Threads: any. A lease belongs to one at a time.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <mutex>
#include <optional>
#include <utility>

#include "net/stream.hpp"
#include "session/limits.hpp"

namespace nbdkit {

class Budget {
  using Clock = std::chrono::steady_clock;
  struct Holder {
    uint64_t bytes;
    Stream* stream;
    std::optional<Clock::time_point> waiting_since;  // for its client
  };

 public:
  struct Terms {
    uint64_t bytes = limits::kMaxHeldByAll;
    std::chrono::milliseconds patience = limits::kPatience;
    uint64_t slowest = limits::kSlowestClient;  // bytes per second
  };
  Budget() = default;
  explicit Budget(const Terms& terms) : terms_(terms) {}

  // A share of the budget, until it is destroyed.
  class Lease {
   public:
    Lease() = default;
    Lease(Lease&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), holder_(other.holder_) {}
    Lease& operator=(Lease&& other) noexcept {
      give_back();
      budget_ = std::exchange(other.budget_, nullptr);
      holder_ = other.holder_;
      return *this;
    }
    ~Lease() { give_back(); }

    // From now on it is the client, or not, that keeps the memory in use.
    void wait_for_client(bool waits) noexcept {
      if (budget_ != nullptr) budget_->set_waiting(holder_, waits);
    }
    void give_back() noexcept {
      if (budget_ != nullptr) std::exchange(budget_, nullptr)->remove(holder_);
    }

   private:
    friend class Budget;
    Lease(Budget& budget, std::list<Holder>::iterator holder) : budget_(&budget), holder_(holder) {}
    Budget* budget_ = nullptr;
    std::list<Holder>::iterator holder_;
  };

  // Waits until there is room, or nobody else holds anything, or the server ends.
  // stream: is aborted if its client takes too long; outlives the lease.
  Lease take(uint64_t bytes, Stream& stream);

 private:
  bool has_room(uint64_t bytes) const { return held_ == 0 || held_ + bytes <= terms_.bytes; }
  void cut_off_slowest() noexcept;
  void set_waiting(std::list<Holder>::iterator holder, bool waits) noexcept;
  void remove(std::list<Holder>::iterator holder) noexcept;

  const Terms terms_;
  std::mutex mutex_;
  std::condition_variable changed_;
  uint64_t held_ = 0;
  std::list<Holder> holders_;
  std::list<char> queue_;  // a place for each that waits
};

}  // namespace nbdkit
