// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>
#include <nbdkit/error.hpp>

#include <signal.h>

#include "answers.hpp"
#include "process.hpp"

using namespace script;

TEST_CASE("an error is an errno's name and a text, both optional") {
  const auto check = [](std::string_view in, int errnum, const std::string& text) {
    const Failure f = parse_failure(in);
    CHECK(f.errnum == errnum);
    CHECK(f.text == text);
  };
  check("ENOSPC no space\n", ENOSPC, "no space");
  check("ENOSPC\n", ENOSPC, "");
  check("  EROFS\tx\ny\n", EROFS, "x\ny");
  check("", EIO, "");
  check("cat: no such file\n", EIO, "cat: no such file");
  check("Everything failed", EIO, "Everything failed");
  check("enospc in small letters", ENOSPC, "in small letters");
  check("ENOSPCX y", EIO, "ENOSPCX y");
  check("28 text", EIO, "28 text");
}

TEST_CASE("exports are listed in four ways") {
  const auto names = [](std::string_view text) {
    std::string out;
    for (const auto& e : parse_exports(text)) out += e.name + "=" + e.description + ";";
    return out;
  };
  CHECK(names("a\nb\n") == "a=;b=;");
  CHECK(names("NAMES\na\nb") == "a=;b=;");
  CHECK(names("NAMES\nNAMES\n") == "NAMES=;");
  CHECK(names("INTERLEAVED\na\n1\nb\n2\n") == "a=1;b=2;");
  CHECK(names("NAMES+DESCRIPTIONS\na\nb\n1\n2\n") == "a=1;b=2;");
  CHECK(names("\n") == "=;");
  CHECK(names("").empty());
  CHECK(names("INTERLEAVED\na\n1\nb\n") == "a=1;b=;");
  CHECK(names("NAMES+DESCRIPTIONS\na\nb\n1\n") == "a=1;b=;");
}

TEST_CASE("extents are offset, length and an optional type") {
  const auto list = parse_extents("0 1M\n1M 9M hole,zero\n\n10M 1 1\n11M 1 data,hole x\n");
  REQUIRE(list.size() == 4);
  CHECK((list[0].length == 1 << 20 && list[0].type == 0));
  CHECK((list[1].offset == 1 << 20 && list[1].type == 3));
  CHECK(list[2].type == 1);
  CHECK(list[3].type == 1);
  for (const char* bad : {"0\n", "x 1\n", "0 -1\n", "0 1 99999999999\n"}) {
    CHECK_THROWS_AS(parse_extents(bad), nbd::Error);
  }
}

TEST_CASE("words are read whole") {
  CHECK(parse_support("can_fua", "native\n") == nbd::Support::native);
  CHECK(parse_support("can_fua", "Emulate") == nbd::Support::emulate);
  CHECK_THROWS_AS(parse_support("can_fua", "natives"), nbd::Error);
  CHECK_THROWS_AS(parse_support("can_fua", ""), nbd::Error);
  CHECK(parse_thread_model("parallel\n") == nbd::ThreadModel::parallel);
  CHECK(parse_thread_model("fast\n") == std::nullopt);
  const nbd::BlockSize sizes = parse_block_size("1 4K\n32M\n");
  CHECK((sizes.minimum == 1 && sizes.preferred == 4096 && sizes.maximum == 32 << 20));
  CHECK(parse_block_size("1 4K 32M more").maximum == 32 << 20);
  CHECK_THROWS_AS(parse_block_size("1 4K"), nbd::Error);
  CHECK_THROWS_AS(parse_block_size("1 4K 1T"), nbd::Error);
}

TEST_CASE("a process need not read its input, and may read and write at once") {
  ::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::byte> input(8 << 20, std::byte{'x'});
  const auto run_sh = [&](const char* text, size_t max_output) {
    return run({.argv = {"/bin/sh", "-c", text},
                .env = {"greeting=hi"},
                .input = input,
                .max_output = max_output,
                .give_up = {}});
  };
  CHECK(run_sh("exit 5", 0).status.code == 5);
  CHECK(run_sh("exec <&-; sleep 0.1; echo $greeting", 10).output == "hi\n");
  CHECK(run_sh("cat", input.size()).output.size() == input.size());
  CHECK(run_sh("cat; echo done >&2", input.size()).errors == "done\n");
}

TEST_CASE("a process that prints too much, or is given up, is ended with its children") {
  const Result much = run(
      {.argv = {"/bin/sh", "-c", "yes"}, .env = {}, .input = {}, .max_output = 100, .give_up = {}});
  CHECK(much.too_much);
  CHECK(much.output.size() == 100);
  const Result late = run({.argv = {"/bin/sh", "-c", "sleep 1000; true"},
                           .env = {},
                           .input = {},
                           .max_output = 0,
                           .give_up = [] { return true; }});
  CHECK(late.given_up);
  CHECK(late.status.signal == SIGKILL);
}

TEST_CASE("what a process leaves in the background is not waited for, and lives on") {
  const Result r = run({.argv = {"/bin/sh", "-c", "sleep 1000 & echo $!"},
                        .env = {},
                        .input = {},
                        .max_output = 100,
                        .give_up = {}});
  CHECK(r.status.success());
  const auto pid = static_cast<pid_t>(std::stol(r.output));
  CHECK(::kill(pid, 0) == 0);
  ::kill(pid, SIGKILL);
}
