// SPDX-License-Identifier: BSD-3-Clause
#include "extentlist/list.hpp"

#include <catch2/catch.hpp>
#include <nbdkit/error.hpp>
#include <random>
#include <string>

using Catch::Matchers::Contains;
using nbd::Extents;
using nbd::filters::ExtentList;

namespace {

std::string shown(const ExtentList& list) {
  std::string out;
  for (const auto& e : list.entries()) {
    out +=
        std::to_string(e.begin) + "-" + std::to_string(e.end) + ":" + std::to_string(e.type) + " ";
  }
  return out;
}
std::string answer(const ExtentList& list, uint64_t count, uint64_t offset, bool one = false) {
  Extents extents(offset, offset + count);
  REQUIRE(list.describe(count, offset, one, extents));
  std::string out;
  for (const auto& e : extents.list()) {
    out += std::to_string(e.length) + ":" + std::to_string(e.type) + " ";
  }
  return out;
}

}  // namespace

TEST_CASE("entries are sorted and joined") {
  CHECK(shown(ExtentList::parse("")).empty());
  CHECK(shown(ExtentList::parse("1k 1k zero\n\n# a comment\n0 1k\n2k 1k 2 # joined\n5k 0\n"
                                "9 0 hole\n4k 1s zero,hole\r\n")) ==
        "0-1024:0 1024-3072:2 4096-4608:3 ");
  CHECK(shown(ExtentList::parse("0 1 hole\n1 1 0x1\n2 1 zero")) == "0-2:1 2-3:2 ");
}

TEST_CASE("gaps are holes, and any part can be asked for") {
  const auto list = ExtentList::parse("10 10\n20 10 zero\n40 10");
  CHECK(answer(list, 60, 0) == "10:3 10:0 10:2 10:3 10:0 10:3 ");
  CHECK(answer(list, 10, 15) == "5:0 5:2 ");
  CHECK(answer(list, 1, 49) == "1:0 ");
  CHECK(answer(list, 100, 50) == "100:3 ");
  CHECK(answer(list, 60, 0, true) == "10:3 ");
  CHECK(answer(list, 40, 12, true) == "8:0 ");
  CHECK(answer(ExtentList::parse(""), 5, 7) == "5:3 ");
}

TEST_CASE("what is no list is refused with its line") {
  for (const char* bad : {"0", "0 1 2 3", "x 1", "0 -1", "0 1 foo", "0 1 hole,", "0 1 ,zero",
                          "0 1 4", "0 1 hole zero", "0 9999999999999999999"}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH(ExtentList::parse("0 1\n" + std::string(bad)), Contains("line 2: "));
  }
  CHECK_THROWS_WITH(ExtentList::parse("512k 1M\n0 1M"),
                    Contains("the extent at 524288 overlaps the one from 0 to 1048576"));
}

// Method: a random list against a plain array of types.
TEST_CASE("the answer is that of an array of types") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 300; ++round) {
    std::string text, types(200, '3');
    for (size_t at = 0; at < types.size();) {
      const size_t length = random() % 12;
      const char type = static_cast<char>('0' + random() % 4);
      if (random() % 3 != 0 && length > 0 && at + length <= types.size()) {
        std::string line = std::to_string(at) + " " + std::to_string(length) + " " + type + "\n";
        text = random() % 2 == 0 ? text + line : line + text;
        types.replace(at, length, length, type);
      }
      at += length + 1;
    }
    const auto list = ExtentList::parse(text);
    const size_t from = random() % types.size(), count = 1 + random() % (types.size() - from);
    Extents extents(from, from + count);
    REQUIRE(list.describe(count, from, false, extents));
    std::string got;
    for (const auto& e : extents.list()) got.append(e.length, static_cast<char>('0' + e.type));
    CHECK(got == types.substr(from, count));
  }
}
