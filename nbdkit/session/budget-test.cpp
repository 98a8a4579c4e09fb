// SPDX-License-Identifier: BSD-3-Clause
//
// Goal: the memory of all clients together stays within the budget, nobody waits
// for ever, and whoever is slow while others wait is cut off. Method: leases on a
// small budget, over streams that only remember that they were aborted; nothing
// here waits for a time but for what must happen.
#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <optional>
#include <thread>

#include "layers/context.hpp"
#include "session/budget.hpp"

using nbdkit::Budget;
using namespace std::chrono_literals;

namespace {

struct QuietStream final : nbdkit::Stream {
  std::atomic<bool> aborted = false;
  size_t receive(std::span<std::byte>) override { return 0; }
  void send(std::span<iovec>) override {}
  void end_input() noexcept override {}
  void set_deadline(Deadline) noexcept override {}
  void abort() noexcept override { aborted = true; }
  int fd() const noexcept override { return -1; }
};

// A client that takes a lease in a thread of its own.
struct Waiter {
  QuietStream stream;
  std::future<Budget::Lease> lease;
  Waiter(Budget& budget, uint64_t bytes)
      : lease(std::async(std::launch::async,
                         [this, &budget, bytes] { return budget.take(bytes, stream); })) {}
  bool has_it(std::chrono::milliseconds within) {
    return lease.wait_for(within) == std::future_status::ready;
  }
};

constexpr auto kBound = 60s;     // for what must happen
constexpr auto kGlance = 100ms;  // at what must not

}  // namespace

TEST_CASE("a lease waits for room, and has it as soon as another is given back") {
  Budget budget({.bytes = 100});
  QuietStream stream;
  Budget::Lease first = budget.take(60, stream);
  Budget::Lease second = budget.take(40, stream);
  Waiter third(budget, 50);
  CHECK_FALSE(third.has_it(kGlance));
  second.give_back();  // not enough yet
  CHECK_FALSE(third.has_it(kGlance));
  first = {};
  REQUIRE(third.has_it(kBound));
  CHECK_FALSE(stream.aborted);  // it was slow, but not its client
}

TEST_CASE("whoever came first is served first, however little the others want") {
  Budget budget({.bytes = 100});
  QuietStream stream;
  Budget::Lease all = budget.take(90, stream);
  std::optional<Waiter> large;
  large.emplace(budget, 50);
  CHECK_FALSE(large->has_it(kGlance));  // it is in the queue by now
  Waiter small(budget, 5);
  CHECK_FALSE(small.has_it(kGlance));
  all.give_back();
  REQUIRE(large->has_it(kBound));
  REQUIRE(small.has_it(kBound));
}

TEST_CASE("what is larger than all there is goes alone") {
  Budget budget({.bytes = 100});
  QuietStream stream;
  Budget::Lease some = budget.take(1, stream);
  Waiter huge(budget, 1000);
  CHECK_FALSE(huge.has_it(kGlance));
  some.give_back();
  REQUIRE(huge.has_it(kBound));
}

TEST_CASE("a client that keeps memory in use is cut off, but only if others wait") {
  Budget budget({.bytes = 100, .patience = 50ms, .slowest = 1000});
  QuietStream slow, busy;
  Budget::Lease of_slow = budget.take(50, slow);
  Budget::Lease of_busy = budget.take(50, busy);
  of_slow.wait_for_client(true);
  of_busy.wait_for_client(true);
  of_busy.wait_for_client(false);  // its plugin has it, for as long as that takes
  std::this_thread::sleep_for(200ms);
  CHECK_FALSE(slow.aborted);
  Waiter other(budget, 10);
  for (int i = 0; i < 6000 && !slow.aborted; ++i) std::this_thread::sleep_for(10ms);
  REQUIRE(slow.aborted);
  CHECK_FALSE(other.has_it(kGlance));  // the room is there once the connection has ended
  of_slow.give_back();
  REQUIRE(other.has_it(kBound));
  CHECK_FALSE(busy.aborted);
}
