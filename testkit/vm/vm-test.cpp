// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>
#include <cstdlib>

#include "base/error.hpp"
#include "vm/backend.hpp"
#include "vm/initramfs.hpp"
#include "vm/kernel.hpp"
#include "vm/result-line.hpp"

using namespace testkit::vm;

namespace {

size_t field(const std::string& archive, size_t entry, size_t number) {
  return std::stoul(archive.substr(entry + 6 + 8 * number, 8), nullptr, 16);
}

}  // namespace

TEST_CASE("an initramfs is an archive as the kernel reads it") {
  Cpio cpio;
  cpio.add_folder("d");
  cpio.add_file("d/init", "12345", true);
  const std::string archive = cpio.take();
  CHECK(archive.size() % 4 == 0);
  size_t at = 0;
  std::vector<std::string> names;
  std::string content;
  while (at < archive.size()) {
    CHECK(archive.compare(at, 6, "070701") == 0);
    const size_t size = field(archive, at, 6), name_size = field(archive, at, 11);
    names.emplace_back(archive.c_str() + at + 110);
    CHECK(names.back().size() + 1 == name_size);
    const size_t data = (at + 110 + name_size + 3) / 4 * 4;
    if (names.back() == "d/init") {
      content = archive.substr(data, size);
      CHECK(field(archive, at, 1) == 0100755);
    }
    if (names.back() == "d") CHECK(field(archive, at, 1) == 0040755);
    at = (data + size + 3) / 4 * 4;
  }
  CHECK(names == std::vector<std::string>{"d", "d/init", "TRAILER!!!"});
  CHECK(content == "12345");
}

TEST_CASE("words may hold anything but a zero byte, which ends each") {
  CHECK(zero_ended({"a b", "", "c\n'"}) == std::string("a b\0\0c\n'\0", 9));
}

TEST_CASE("modules load after those that they need, each once") {
  const std::string dep =
      "kernel/net/vsock.ko:\n"
      "kernel/net/vsock_loopback.ko: kernel/net/common.ko kernel/net/vsock.ko\n"
      "kernel/net/common.ko: kernel/net/vsock.ko\n"
      "kernel/fs/overlay.ko:\n";
  CHECK(in_load_order(dep, {"vsock_loopback", "overlay", "common", "built_in"}) ==
        std::vector<std::string>{"kernel/net/vsock.ko", "kernel/net/common.ko",
                                 "kernel/net/vsock_loopback.ko", "kernel/fs/overlay.ko"});
}

TEST_CASE("a back end is named, or those that may work are tried") {
  ::unsetenv("TESTKIT_VM_BACKEND");
  CHECK(backends_for("qemu") == std::vector<Backend>{Backend::qemu});
  const auto all = backends_for("auto");
  CHECK(all.size() >= 2);
  CHECK(all == backends_for(""));
  ::setenv("TESTKIT_VM_BACKEND", "kvm", 1);
  CHECK(backends_for("auto") == std::vector<Backend>{Backend::kvm});
  CHECK(backends_for("uml") == std::vector<Backend>{Backend::uml});  // named comes first
  ::setenv("TESTKIT_VM_BACKEND", "xen", 1);
  CHECK_THROWS_WITH(backends_for("auto"), "unknown back end \"xen\"; known are: auto uml qemu kvm");
  ::unsetenv("TESTKIT_VM_BACKEND");
}

TEST_CASE("a cell's result is the same behind the line that carries it") {
  testkit::CellResult result;
  result.verdict = testkit::Verdict::failed;
  result.failed_tries = 2;
  result.took = std::chrono::milliseconds(31);
  result.actions.push_back({"step 1",
                            "error \"EIO\"",
                            "a\nb",
                            std::chrono::seconds(1),
                            false,
                            {"stderr  \xff\xfe bytes"}});
  result.started = testkit::Clock::now() - std::chrono::hours(5);  // another clock's
  result.actions[0].ended = result.started + std::chrono::milliseconds(20);
  testkit::WireTrace& trace = result.traces.emplace_back();
  trace.start = result.started + std::chrono::milliseconds(2);
  trace.total = 9;
  testkit::WireTrace::Event& event = trace.events.emplace_back();
  event.number = 4;
  event.answers = 3;
  event.place = testkit::proxy::Place::reply;
  event.request.command = nbd::wire::Command::write;
  event.request.offset = 4096;
  event.faults.push_back({1, "disconnect RST"});
  const std::string text = to_line({7, result});
  CHECK(text.find('\n') == text.size() - 1);
  const auto line = parse_line(text.substr(0, text.size() - 1));
  REQUIRE(line);
  CHECK(line->index == 7);
  REQUIRE(line->result);
  CHECK(line->result->verdict == testkit::Verdict::failed);
  CHECK(line->result->failed_tries == 2);
  CHECK(line->result->took == result.took);
  REQUIRE(line->result->actions.size() == 1);
  const testkit::Action& action = line->result->actions[0];
  CHECK(action.expected == "error \"EIO\"");
  CHECK(action.happened == "a\nb");
  CHECK(action.took == std::chrono::seconds(1));
  CHECK_FALSE(action.passed);
  CHECK(action.details.size() == 1);
  CHECK(action.ended - line->result->started == std::chrono::milliseconds(20));
  REQUIRE(line->result->traces.size() == 1);
  const testkit::WireTrace& got = line->result->traces[0];
  CHECK(got.start - line->result->started == std::chrono::milliseconds(2));
  CHECK(got.total == 9);
  REQUIRE(got.events.size() == 1);
  CHECK(got.events[0].answers == 3u);
  CHECK(got.events[0].place == testkit::proxy::Place::reply);
  CHECK(got.events[0].request.offset == 4096);
  CHECK(got.events[0].faults.at(0).note == "disconnect RST");
  CHECK(got.events[0].line() == event.line());

  const auto begin = parse_line(to_line({3, {}}));
  REQUIRE(begin);
  CHECK(begin->index == 3);
  CHECK_FALSE(begin->result);
}

TEST_CASE("a line that is no result is none") {
  for (const char* text : {"", "hello", "{}", R"({"cell":-1})", R"({"cell":1,"verdict":9})",
                           R"({"cell":1,"verdict":0})", R"([1])"}) {
    CHECK_FALSE(parse_line(text));
  }
}
