// SPDX-License-Identifier: BSD-3-Clause
#include <signal.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>

#include "base/error.hpp"
#include "base/parse.hpp"
#include "base/process.hpp"
#include "base/temp-dir.hpp"

using namespace std::chrono_literals;
using Catch::Contains;

TEST_CASE("sizes are read with every unit, in either case") {
  CHECK(nbd::parse_size("size", "0") == 0);
  CHECK(nbd::parse_size("size", "1b") == 1);
  CHECK(nbd::parse_size("size", "3s") == 1536);
  CHECK(nbd::parse_size("size", "64k") == 65536);
  CHECK(nbd::parse_size("size", "64M") == 64ull << 20);
  CHECK(nbd::parse_size("size", "7E") == 7ull << 60);
  CHECK(nbd::parse_size("size", "9223372036854775807") == (1ull << 63) - 1);
}

TEST_CASE("a size that is none is refused with the text that was given") {
  for (const char* bad : {"", "k", "-1", "1.5M", "1KiB", "10x", "9223372036854775808", "8E",
                          "99999999999999999999"}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH(nbd::parse_size("size", bad), Contains("\"" + std::string(bad) + "\""));
  }
}

TEST_CASE("what format_size writes, parse_size reads back") {
  for (const uint64_t n : {0ull, 1ull, 1023ull, 1024ull, 1536ull, 1ull << 40, (1ull << 63) - 1}) {
    CHECK(nbd::parse_size("n", nbd::format_size(n)) == n);
  }
  CHECK(nbd::format_size(64 << 20) == "64M");
}

TEST_CASE("numbers are read in any base that C reads, and bounded") {
  CHECK(nbd::parse_int("n", "-0x10", -100, 100) == -16);
  CHECK(nbd::parse_int("n", "010", 0, 100) == 8);
  CHECK(nbd::parse_int("n", "-9223372036854775808", INT64_MIN, 0) == INT64_MIN);
  CHECK(nbd::parse_unsigned("n", "18446744073709551615", UINT64_MAX) == UINT64_MAX);
  CHECK_THROWS_WITH(nbd::parse_int("port", "65536", 0, 65535), Contains("65536"));
  CHECK_THROWS(nbd::parse_int("n", "9223372036854775808", INT64_MIN, INT64_MAX));
  CHECK_THROWS(nbd::parse_unsigned("n", "-1", 10));
  for (const char* bad : {"", "x", "1x", "0x", "--1", "1 "}) {
    CAPTURE(bad);
    CHECK_THROWS(nbd::parse_int("n", bad, -10, 10));
  }
}

TEST_CASE("probabilities are fractions, percentages and ratios") {
  CHECK(nbd::parse_probability("p", "10%") == Approx(0.1));
  CHECK(nbd::parse_probability("p", "1e-1") == Approx(0.1));
  CHECK(nbd::parse_probability("p", "1:8") == Approx(0.125));
  CHECK(nbd::parse_probability("p", "1/8") == Approx(0.125));
  for (const char* bad : {"", "x", "-1", "nan", "inf", "1:0", "10%%", "1:2:3"}) {
    CAPTURE(bad);
    CHECK_THROWS(nbd::parse_probability("p", bad));
  }
}

TEST_CASE("delays are seconds unless a unit says otherwise") {
  CHECK(nbd::parse_delay("d", "1") == 1s);
  CHECK(nbd::parse_delay("d", "1.5s") == 1500ms);
  CHECK(nbd::parse_delay("d", "20ms") == 20ms);
  CHECK(nbd::parse_delay("d", "3\u03bcs") == 3us);
  CHECK(nbd::parse_delay("d", "3\u00b5s") == 3us);
  CHECK(nbd::parse_delay("d", "7ns") == 7ns);
  for (const char* bad : {"", "ms", "-1", "1 s", "1m", "1e300"}) {
    CAPTURE(bad);
    CHECK_THROWS(nbd::parse_delay("d", bad));
  }
}

TEST_CASE("errno names are read back as the same number") {
  for (const int e : {EIO, EPERM, ENOSPC, ESHUTDOWN, EOPNOTSUPP, ENOTCONN}) {
    CHECK(nbd::errno_from_name(nbd::errno_name(e)) == e);
  }
  CHECK(nbd::errno_from_name("71") == 71);
  CHECK(nbd::errno_from_name("EWRONG") == 0);
}

TEST_CASE("a child's exit status and its killing signal come back") {
  CHECK(nbd::spawn({.argv = {"sh", "-c", "exit 3"}}).wait().code == 3);
  CHECK(nbd::spawn({.argv = {"sh", "-c", "kill -9 $$"}}).wait().describe() == "killed by SIGKILL");
  CHECK(nbd::spawn({.argv = {"sh", "-c", "[ \"$X\" = 5 ]"}, .env = {"X=5"}}).wait().success());
}

TEST_CASE("a program that is not there is an error that names it") {
  CHECK_THROWS_WITH(nbd::spawn({.argv = {"no-such-program"}}),
                    Contains("no-such-program") && Contains("No such file"));
}

TEST_CASE("a child that outlives its time is found, and its group ends with it") {
  nbd::Child child = nbd::spawn({.argv = {"sh", "-c", "sleep 60 & wait"}, .own_group = true});
  CHECK_FALSE(child.wait_for(20ms).has_value());
  child.kill_group(SIGKILL);
  CHECK(child.wait().signal == SIGKILL);
}

TEST_CASE("shell words survive a shell") {
  CHECK(nbd::shell_quote("plain-word_1.txt") == "plain-word_1.txt");
  CHECK(nbd::shell_quote("it's") == "'it'\\''s'");
  CHECK(nbd::shell_quote("") == "''");
}

TEST_CASE("a temporary folder goes with all that is in it") {
  std::string path;
  {
    const nbd::TempDir dir("nbdtest");
    path = dir.path();
    std::ofstream(dir / "file") << "x";
    CHECK(std::filesystem::exists(path));
  }
  CHECK_FALSE(std::filesystem::exists(path));
}
