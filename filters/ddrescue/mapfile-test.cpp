// SPDX-License-Identifier: BSD-3-Clause
#include "ddrescue/mapfile.hpp"

#include <catch2/catch.hpp>
#include <nbdkit/error.hpp>
#include <random>
#include <string>

using Catch::Matchers::Contains;
using nbd::filters::Mapfile;

TEST_CASE("a map as ddrescue writes it") {
  const auto map = Mapfile::parse(
      "# Mapfile. Created by GNU ddrescue version 1.27\n"
      "# Command line: ddrescue -c18 /dev/fd0 fdimage mapfile\n"
      "# current_pos  current_status  current_pass\n"
      "0x00120000     ?               1\n"
      "#      pos        size  status\n"
      "0x00000000  0x00117000  +\n"
      "0x00117000  0x00000200  +\r\n"
      "0x00117200  0x00001000  /  # a comment\n"
      "0x00118200  0x00007E00  *\n"
      "1179648     4096        ?\n"
      "0x00121000  0x00047000  -\n"
      "\n"
      "0x00168000  010         +");
  REQUIRE(map.good().size() == 2);
  CHECK(map.good()[0].end == 0x117200);
  CHECK(map.good()[1].begin == 0x168000);
  CHECK(map.good()[1].end == 0x168008);
  CHECK(map.is_good(0x117200, 0));
  CHECK_FALSE(map.is_good(0x117201, 0));
  CHECK(map.is_good(1, 0x1171ff));
  CHECK_FALSE(map.is_good(1, 0x117200));
  CHECK_FALSE(map.is_good(1, 0x167fff));
  CHECK(map.is_good(8, 0x168000));
  CHECK_FALSE(map.is_good(9, 0x168000));
  CHECK_FALSE(map.is_good(1, UINT64_MAX));
}

TEST_CASE("what is no map is refused with its line") {
  CHECK_THROWS_WITH(Mapfile::parse(""), Contains("no line CURRENT-POSITION"));
  CHECK_THROWS_WITH(Mapfile::parse("# only\n"), Contains("no line CURRENT-POSITION"));
  CHECK_THROWS_WITH(Mapfile::parse("0 0x1000 +\n"), Contains("line 1: current status"));
  CHECK_THROWS_WITH(Mapfile::parse("0\n"), Contains("line 1"));
  CHECK_THROWS_WITH(Mapfile::parse("0 + 1 2\n"), Contains("line 1"));
  const std::string start = "# x\n0 + 1\n";
  CHECK(Mapfile::parse(start).good().empty());
  for (const char* bad : {"0 10", "0 10 + +", "0 10 X", "0 10 ++", "x 10 +", "0 -1 +", "0 1M +",
                          "0 10 \x80", "0x8000000000000000 1 +", "0 99999999999999999999 +"}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH(Mapfile::parse(start + bad), Contains("line 3: "));
  }
  CHECK_THROWS_WITH(Mapfile::parse(start + "0 10 +\n9 1 -\n"), Contains("line 4: an area at 9"));
  CHECK_THROWS_WITH(Mapfile::parse(start + "10 10 +\n0 10 -\n"), Contains("line 4"));
  const auto most = Mapfile::parse(start + "0x7fffffffffffffff 0x7fffffffffffffff +\n");
  CHECK(most.is_good(INT64_MAX, INT64_MAX));
}

TEST_CASE("whatever bytes a map has, it is read or refused") {
  const unsigned seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  constexpr std::string_view kBytes("0123x9 +-?*/#\n\t\0\xff", 17);
  for (int round = 0; round < 3000; ++round) {
    std::string text = random() % 2 == 0 ? "0 + 1\n" : "";
    for (auto left = random() % 80; left > 0; --left) text += kBytes[random() % kBytes.size()];
    try {
      const auto map = Mapfile::parse(text);
      uint64_t end = 0;
      for (const auto& area : map.good()) {
        REQUIRE((area.begin >= end && area.end > area.begin));
        end = area.end;
      }
    } catch (const nbd::Error&) {
    }
  }
}

TEST_CASE("a range is split where good turns bad") {
  const auto map = Mapfile::parse("0 +\n10 10 +\n30 10 +\n");
  const auto split = [&](uint64_t begin, uint64_t end) {
    std::string out;
    map.split(begin, end, [&](uint64_t from, uint64_t to, bool good) {
      out += (good ? "+" : "-") + std::to_string(from) + "-" + std::to_string(to) + " ";
    });
    return out;
  };
  CHECK(split(0, 50) == "-0-10 +10-20 -20-30 +30-40 -40-50 ");
  CHECK(split(12, 13) == "+12-13 ");
  CHECK(split(15, 35) == "+15-20 -20-30 +30-35 ");
  CHECK(split(20, 30) == "-20-30 ");
  CHECK(split(40, 41) == "-40-41 ");
  CHECK(split(5, 5).empty());
}
