// SPDX-License-Identifier: BSD-3-Clause
#include "exports.hpp"

#include <catch2/catch.hpp>

using nbdfuse::Export;
using nbdfuse::file_name_of;
using nbdfuse::why_not_the_same;

TEST_CASE("any name of an export becomes a name that a file can have") {
  CHECK(file_name_of("") == "nbd");
  CHECK(file_name_of("disk 1") == "disk 1");
  CHECK(file_name_of("a/b") == "a%2Fb");
  CHECK(file_name_of("100%") == "100%25");
  CHECK(file_name_of("a\nb\x7f") == "a%0Ab%7F");
  CHECK(file_name_of(".") == "%2E");
  CHECK(file_name_of("..") == "%2E.");
  CHECK(file_name_of(".hidden") == ".hidden");
  CHECK(file_name_of("ö") == "ö");
  CHECK(file_name_of(std::string(255, 'x')).size() == 255);
  CHECK(file_name_of(std::string(256, 'x')).empty());
}

TEST_CASE("a disk that is less than the one before does not stand in for it") {
  Export before;
  before.size = 1000;
  before.can_flush = true;
  CHECK(why_not_the_same(before, before).empty());
  Export now = before;
  now.can_zero = true;  // more is welcome
  now.maximum_block = before.maximum_block * 2;
  CHECK(why_not_the_same(before, now).empty());
  now.size = 2000;
  CHECK(why_not_the_same(before, now) == "its size is 2000 bytes now and was 1000");
  now = before;
  now.read_only = true;
  CHECK_FALSE(why_not_the_same(before, now).empty());
  CHECK(why_not_the_same(now, before).empty());
  now = before;
  now.can_flush = false;
  CHECK_FALSE(why_not_the_same(before, now).empty());
  now = before;
  now.minimum_block = 512;
  CHECK_FALSE(why_not_the_same(before, now).empty());
}
