// SPDX-License-Identifier: BSD-3-Clause
//
// Goal: a thread stays awake for the next request only where that has been worth
// it: after many that came soon, each alone, and rarely where it is in vain.
// Method: made-up waits.
#include "session/expectation.hpp"

#include <catch2/catch.hpp>

using nbdkit::Expectation;
using namespace std::chrono_literals;

namespace {

bool looks(Expectation& e, bool alone = true) {
  return e.before_wait(alone) > Expectation::Duration::zero();
}

// Of so many waits that take `time`, in how many it looked for the request.
int looks_in(Expectation& e, int count, std::chrono::microseconds time) {
  int looked = 0;
  for (int i = 0; i < count; ++i) {
    looked += looks(e);
    e.waited(time);
  }
  return looked;
}

}  // namespace

TEST_CASE("nobody is looked for before many have come soon") {
  Expectation e;
  CHECK(looks_in(e, 10, 20us) == 0);
  CHECK(looks_in(e, 1000, 20us) > 990);
}

TEST_CASE("a client that takes its time is never looked for") {
  Expectation e;
  CHECK(looks_in(e, 1000, 1ms) == 0);
  CHECK(looks_in(e, 1000, 200us) == 0);
}

TEST_CASE(
    "one that pauses is looked for once in vain, and again when it has come soon for a while") {
  Expectation e;
  looks_in(e, 100, 20us);
  CHECK(looks(e));
  e.waited(1s);
  CHECK(looks_in(e, 16, 20us) == 0);
  CHECK(looks_in(e, 1000, 20us) > 950);
}

TEST_CASE("requests that come together are not waited for like that") {
  Expectation e;
  looks_in(e, 100, 20us);
  CHECK_FALSE(looks(e, false));
  CHECK_FALSE(looks(e));  // those after it must show first that they are alone
  e.waited(20us);
}

TEST_CASE("where it is in vain each time, it is tried more and more rarely") {
  Expectation e;
  int looked = 0;
  for (int i = 0; i < 100'000; ++i) {
    const bool awake = looks(e);
    looked += awake;
    e.waited(awake ? 70us : 20us);  // comes as soon as the server sleeps
  }
  CHECK(looked > 0);
  CHECK(looked < 100);
}
