// SPDX-License-Identifier: BSD-3-Clause
#include "mount-point.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "base/temp-dir.hpp"

using Catch::Contains;
using nbdfuse::resolve_mount_point;

namespace {

struct Place {
  nbd::TempDir tmp{"nbdfuse"};
  std::string full = std::filesystem::canonical(tmp.path());  // has things in it
  std::string empty = full + "/empty";
  std::string plain = full + "/plain";

  Place() {
    std::filesystem::create_directory(empty);
    std::ofstream(plain) << "x";
  }
};

}  // namespace

TEST_CASE_METHOD(Place, "a directory gets a file named nbd") {
  const auto where = resolve_mount_point(empty, false);
  CHECK(where.path == empty);
  CHECK(where.file_name == "nbd");
  CHECK(resolve_mount_point(empty + "/", false).path == empty);
  CHECK(resolve_mount_point(full, false).path == full);  // named itself: no typo
}

TEST_CASE_METHOD(Place, "a plain file is mounted over") {
  const auto where = resolve_mount_point(plain, false);
  CHECK(where.is_file());
  CHECK(where.path == plain);
}

TEST_CASE_METHOD(Place, "a new name in an empty directory is the name of the file") {
  const auto where = resolve_mount_point(empty + "/disk.raw", false);
  CHECK(where.path == empty);
  CHECK(where.file_name == "disk.raw");
}

TEST_CASE_METHOD(Place, "a mistyped mount point is never mounted over its parent") {
  CHECK_THROWS_WITH(resolve_mount_point(full + "/typo", false), Contains("is not empty"));
  CHECK(resolve_mount_point(full + "/typo", true).file_name == "typo");
}

TEST_CASE_METHOD(Place, "what is nowhere is refused with its name") {
  CHECK_THROWS_WITH(resolve_mount_point("", false), Contains("empty"));
  CHECK_THROWS_WITH(resolve_mount_point("nosuch-word", false), Contains("nosuch-word"));
  CHECK_THROWS_WITH(resolve_mount_point(full + "/no/", false), Contains("does not exist"));
  CHECK_THROWS_WITH(resolve_mount_point(full + "/no/name", false), Contains("no directory"));
  CHECK_THROWS_WITH(resolve_mount_point(plain + "/name", false), Contains("Not a directory"));
  CHECK_THROWS_WITH(resolve_mount_point("/dev/null", false), Contains("neither"));
}
