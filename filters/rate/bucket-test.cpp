// SPDX-License-Identifier: BSD-3-Clause
//
// Time is a number here: nothing waits.
#include "rate/bucket.hpp"

#include <catch2/catch.hpp>
#include <random>
#include <vector>

using nbd::filters::Bucket;

namespace {

Bucket::Clock::time_point at(double seconds) {
  return Bucket::Clock::time_point(std::chrono::nanoseconds(static_cast<int64_t>(seconds * 1e9)));
}
// When a request that comes at `now` may go.
double goes(Bucket& bucket, uint64_t bits, double now) {
  const double place = bucket.stand_in_line(bits, at(now));
  return now + bucket.wait_for(place, at(now)).count();
}

}  // namespace

TEST_CASE("what fits into the burst does not wait, the rest comes at the rate") {
  Bucket bucket(1000, 2);
  CHECK(goes(bucket, 1500, 10) == Approx(10));
  CHECK(goes(bucket, 500, 10) == Approx(10));
  CHECK(goes(bucket, 1000, 10) == Approx(11));
  CHECK(goes(bucket, 1000, 10) == Approx(12));  // behind the one before
  CHECK(goes(bucket, 1, 12) == Approx(12.001));
  CHECK(goes(bucket, 1, 13.5) == Approx(13.5));
  // A pause fills it again, and no more than that.
  CHECK(goes(bucket, 2000, 1000) == Approx(1000));
  CHECK(goes(bucket, 100, 1000) == Approx(1000.1));
  // Larger than the burst: it waits for what is missing.
  CHECK(goes(bucket, 5000, 2000) == Approx(2003));
}

TEST_CASE("a new rate counts for those who wait") {
  Bucket bucket(10, 1);
  const double place = bucket.stand_in_line(1010, at(0));
  CHECK(bucket.wait_for(place, at(0)).count() == Approx(100));
  CHECK(bucket.wait_for(place, at(50)).count() == Approx(50));
  bucket.set_rate(100, at(50));
  CHECK(bucket.wait_for(place, at(50)).count() == Approx(5));
  bucket.set_rate(0, at(51));
  CHECK(bucket.wait_for(place, at(51)).count() == 0);
  CHECK(bucket.rate() == 0);
}

TEST_CASE("without a rate nobody waits, and with one again the bucket is full") {
  Bucket bucket(0, 2);
  CHECK(goes(bucket, UINT64_C(1) << 40, 0) == 0);
  bucket.set_rate(1000, at(5));
  CHECK(goes(bucket, 2000, 5) == Approx(5));
  CHECK(goes(bucket, 1000, 5) == Approx(6));
}

TEST_CASE("who leaves the line does not hold up those behind") {
  Bucket bucket(1000, 1);
  CHECK(goes(bucket, 1000, 0) == 0);
  const double first = bucket.stand_in_line(100000, at(0));
  const double second = bucket.stand_in_line(500, at(0));
  CHECK(bucket.wait_for(first, at(0)).count() == Approx(100));
  CHECK(bucket.wait_for(second, at(0)).count() == Approx(100.5));
  bucket.leave_line(100000);
  CHECK(bucket.wait_for(second, at(0)).count() == Approx(0.5));
}

// Method: requests at random times; in no stretch of time do more bits go than the
// rate and the burst (and one request that is larger than that) allow, and none waits
// while the bucket has room.
TEST_CASE("at no time is more sent than the rate allows, nor less than it must") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  constexpr double kRate = 1000, kBurst = 2;
  Bucket bucket(1000, kBurst);
  struct Sent {
    double when;
    double bits;
  };
  std::vector<Sent> sent;
  double now = 0, line_is_free = 0;
  for (int i = 0; i < 500; ++i) {
    now += std::uniform_real_distribution(0.0, 2.0)(random) * (i % 50 == 0 ? 10 : 1);
    const uint64_t bits = 1 + random() % 1900;
    sent.push_back({goes(bucket, bits, now), static_cast<double>(bits)});
    CHECK(sent.back().when >= now);
    line_is_free = std::max(line_is_free, sent.back().when);
  }
  for (size_t from = 0; from < sent.size(); ++from) {
    double total = 0;
    for (size_t to = from; to < sent.size(); ++to) {
      total += sent[to].bits;
      const double passed = sent[to].when - sent[from].when;
      REQUIRE(total <= kRate * (passed + kBurst) + 1);
    }
  }
}
