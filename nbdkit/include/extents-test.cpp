// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <nbdkit/disk.hpp>

using nbd::Extents;
using nbd::kExtentHole;

TEST_CASE("extents are cut to the disk and to where they were asked for") {
  Extents e(1000, 5000);
  CHECK(e.add(0, 2000, 0));               // begins before
  CHECK(e.add(2000, 9000, kExtentHole));  // ends after
  REQUIRE(e.list().size() == 2);
  CHECK(e.list()[0].length == 1000);
  CHECK(e.list()[1].length == 3000);
  CHECK(e.covered() == 4000);
}

TEST_CASE("neighbours of one type are joined, and empty ones vanish") {
  Extents e(0, 100);
  CHECK(e.add(0, 10, 0));
  CHECK(e.add(10, 0, kExtentHole));
  CHECK(e.add(10, 10, 0));
  REQUIRE(e.list().size() == 1);
  CHECK(e.list()[0].length == 20);
}

TEST_CASE("a gap, an overlap or a late beginning is refused") {
  Extents e(100, 200);
  CHECK_FALSE(e.add(150, 10, 0));
  CHECK(e.add(100, 10, 0));
  CHECK_FALSE(e.add(120, 10, 0));
  CHECK_FALSE(e.add(105, 10, 0));
  CHECK(e.covered() == 10);
}

TEST_CASE("an extent whose end is past 2^64 is cut, not wrapped") {
  Extents e(10, 100);
  CHECK(e.add(10, UINT64_MAX, 0));
  CHECK(e.covered() == 90);
}

TEST_CASE("what does not fit the list any more is left out, and nothing after it counts") {
  Extents e(0, UINT64_MAX);
  for (uint64_t i = 0; i < Extents::kMax + 100; ++i) CHECK(e.add(i, 1, i % 2));
  CHECK(e.list().size() == Extents::kMax);
  CHECK(e.covered() == Extents::kMax);
}
