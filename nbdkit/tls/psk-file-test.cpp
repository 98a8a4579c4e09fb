// SPDX-License-Identifier: BSD-3-Clause
#include "tls/psk-file.hpp"

#include <catch2/catch.hpp>
#include <cstdio>
#include <memory>

#include "base/error.hpp"
#include "base/temp-dir.hpp"

using nbdkit::PskFile;

namespace {

class Folder {
 public:
  std::string file(std::string_view text) {
    const std::string path = dir_ / "keys";
    const std::unique_ptr<FILE, int (*)(FILE*)> f(std::fopen(path.c_str(), "w"), std::fclose);
    std::fwrite(text.data(), 1, text.size(), f.get());
    return path;
  }

 private:
  nbd::TempDir dir_{"nbdtest"};
};

PskFile parse(std::string_view text) {
  Folder folder;
  return nbdkit::read_psk_file(folder.file(text));
}

}  // namespace

TEST_CASE("pre-shared keys are users with hexadecimal keys, a line each") {
  const PskFile f = parse("alice:00ff10\nbob:AbCd\n");
  CHECK(f.first_user == "alice");
  CHECK(f.keys.size() == 2);
  CHECK(f.keys.at("alice") == std::vector{std::byte{0}, std::byte{0xff}, std::byte{0x10}});
  CHECK(f.keys.at("bob") == std::vector{std::byte{0xab}, std::byte{0xcd}});
}

TEST_CASE("empty lines, a missing last newline and carriage returns do no harm") {
  const PskFile f = parse("\nalice:00\r\n\nbob:01");
  CHECK(f.keys.size() == 2);
  CHECK(f.keys.at("alice") == std::vector{std::byte{0}});
  CHECK(f.keys.at("bob") == std::vector{std::byte{1}});
}

TEST_CASE("a user may contain colons, or be in hexadecimal behind a hash sign") {
  CHECK(parse("a:b:00\n").keys.contains("a:b"));
  CHECK(parse("#6100:00\n").keys.contains(std::string_view("a\0", 2)));
}

TEST_CASE("the last key of a user counts") {
  CHECK(parse("a:00\na:01\n").keys.at("a") == std::vector{std::byte{1}});
}

TEST_CASE("a file that is no list of keys is refused with its line, and without the key") {
  struct Row {
    const char* text;
    const char* expected;
  };
  const Row rows[] = {{"", "there is no key in it"},
                      {"a:00\nalice\n", "line 2 is not of the form user:key"},
                      {":00\n", "line 1 is not of the form user:key"},
                      {"alice:\n", "line 1: the key is not in hexadecimal"},
                      {"alice:5ec\n", "line 1: the key is not in hexadecimal"},
                      {"alice:5ecret\n", "line 1: the key is not in hexadecimal"},
                      {"#zz:00\n", "line 1: the user is not in hexadecimal"}};
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK_THROWS_WITH(parse(row.text), Catch::Contains(row.expected) && !Catch::Contains("5ec"));
  }
  CHECK_THROWS_WITH(nbdkit::read_psk_file("/no/such/file"),
                    Catch::Contains("/no/such/file: No such file or directory"));
}
