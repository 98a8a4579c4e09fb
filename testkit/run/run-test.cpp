// SPDX-License-Identifier: BSD-3-Clause
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <thread>

#include "base/error.hpp"
#include "base/temp-dir.hpp"
#include "run/captive-server.hpp"
#include "run/command.hpp"
#include "run/content.hpp"
#include "run/files.hpp"
#include "run/nbd-session.hpp"
#include "run/text-check.hpp"

using namespace testkit;
using namespace std::chrono_literals;
using Catch::Contains;

namespace {

struct Ground {
  nbd::TempDir dir{"tkt"};
  Interrupt interrupt;

  CommandOutcome run(const std::string& shell, Duration time = 20s) {
    return run_command({{}, shell, {}, {}}, {{"dir", dir.path()}},
                       {dir.path(), dir / "out", dir / "err"}, Deadline::after(time), interrupt);
  }
};

// A socket that listens and never says a word.
nbd::Fd mute_server(const std::string& path) {
  nbd::Fd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(fd.get(), 5) == 0);
  return fd;
}

std::vector<std::byte> bytes_of(const Content& content, uint64_t offset, size_t length) {
  std::vector<std::byte> out(length);
  fill(content, 1, offset, out);
  return out;
}

}  // namespace

TEST_CASE("a command's status and output come back, with the variables in its environment") {
  Ground ground;
  const CommandOutcome outcome = ground.run("echo out $dir; echo err >&2; exit 3");
  REQUIRE(outcome.status);
  CHECK(outcome.status->code == 3);
  CHECK(outcome.out == "out " + ground.dir.path() + "\n");
  CHECK(outcome.err == "err\n");
}

TEST_CASE("a client that hangs is killed at its deadline with all that it started") {
  Ground ground;
  const auto start = Clock::now();
  const CommandOutcome outcome = ground.run("sleep 60 & echo $!; sleep 60", 100ms);
  CHECK_FALSE(outcome.status);
  CHECK(outcome.stopped_by == Wake::timeout);
  CHECK(Clock::now() - start < 10s);
  // The grandchild is nobody's child here: it ends a moment after the signal.
  const pid_t grandchild = std::stoi(outcome.out);
  bool gone = false;
  for (int i = 0; i < 500 && !gone; ++i) {
    std::this_thread::sleep_for(10ms);
    const std::string stat = read_file(fmt::format("/proc/{}/stat", grandchild), 4096);
    gone = stat.empty() || stat.find(") Z ") != std::string::npos;
  }
  CHECK(gone);
}

TEST_CASE("an interrupt ends every wait at once") {
  Ground ground;
  const std::jthread soon([&] {
    std::this_thread::sleep_for(50ms);
    ground.interrupt.request(SIGINT);
  });
  const auto start = Clock::now();
  CHECK(ground.run("sleep 60").stopped_by == Wake::interrupted);
  CHECK(sleep_until(Deadline::after(60s), ground.interrupt) == Wake::interrupted);
  CHECK(Clock::now() - start < 10s);
}

TEST_CASE("a server that never answers fails the step, not the run") {
  Ground ground;
  const Endpoint endpoint{Transport::unix_socket, ground.dir / "s", 0};
  const nbd::Fd server = mute_server(endpoint.path);
  CHECK(endpoint.is_listening());
  NbdSession session(ground.interrupt);
  const Outcome outcome = session.connect(endpoint, "", {}, Deadline::after(100ms));
  CHECK(outcome.end == Outcome::End::timeout);
}

TEST_CASE("a server that is not there is an error with its errno") {
  Ground ground;
  NbdSession session(ground.interrupt);
  const Outcome outcome =
      session.connect({Transport::unix_socket, ground.dir / "s", 0}, "", {}, Deadline::after(5s));
  CHECK(outcome.end == Outcome::End::error);
  CHECK(outcome.errnum == ENOENT);
}

TEST_CASE("a server that ends before it listens is told with its last words") {
  Ground ground;
  Server server;
  server.command = {"sh", "-c", "echo oh dear >&2; exit 5"};
  const ServerPlace place{"nbdkit", ground.dir / "s", ground.dir.path(), ground.dir / "log"};
  CHECK_THROWS_WITH(CaptiveServer::start(server, Transport::unix_socket, place, {},
                                         Deadline::after(10s), ground.interrupt),
                    Contains("exit status 5") && Contains("oh dear"));
}

TEST_CASE("a reserved port is given to no one else, and nobody listens on it") {
  const PortReservation a, b;
  CHECK(a.port() != 0);
  CHECK(a.port() != b.port());
  CHECK_FALSE(Endpoint{Transport::tcp, "", a.port()}.is_listening());
}

TEST_CASE("the server's command line has the address, the filters in order and all parameters") {
  Server server;
  server.plugin = "memory";
  server.parameters = {{"size", "1M"}};
  server.filters = {{"error", {{"error-rate", "1"}}}, {"delay", {{"rdelay", "$seed"}}}};
  server.options = {"--no-sr"};
  server.threads = 4;
  server.export_name = "a b";
  CHECK(Endpoint{Transport::vsock, "", 1234}.uri("a b") == "nbd+vsock://1:1234/a%20b");
  const Endpoint endpoint{Transport::tcp, "", 1234};
  CHECK(nbd::shell_quote(server_argv(server, endpoint, "nbdkit", {{"seed", "9"}})) ==
        "nbdkit -f -i 127.0.0.1 -p 1234 -e 'a b' -t 4 --no-sr --filter=error --filter=delay memory "
        "size=1M error-rate=1 rdelay=9");
  CHECK(endpoint.uri("a b/c") == "nbd://127.0.0.1:1234/a%20b%2Fc");
}

TEST_CASE("content of a range is the same however it is cut") {
  for (const auto kind : {Content::Kind::pattern, Content::Kind::random}) {
    const Content content{kind};
    const auto whole = bytes_of(content, 3, 100);
    const auto part = bytes_of(content, 20, 30);
    CHECK(std::equal(part.begin(), part.end(), whole.begin() + 17));
  }
  const auto pattern = bytes_of({Content::Kind::pattern}, 0x1230, 10);
  CHECK(pattern[6] == std::byte{0x12});
  CHECK(pattern[7] == std::byte{0x30});
  CHECK(pattern[9] == std::byte{0});
}

TEST_CASE("the model knows what was acknowledged and nothing else") {
  DiskModel model(1, Content::zeroes());
  model.set(100, 50, {Content::Kind::byte, 7});
  model.set(120, 10, {});  // sent, never acknowledged
  auto disk = bytes_of(Content::zeroes(), 0, 200);
  std::fill(disk.begin() + 100, disk.begin() + 150, std::byte{7});
  std::fill(disk.begin() + 120, disk.begin() + 130, std::byte{99});
  CHECK(model.compare(0, disk) == "");
  disk[149] = std::byte{8};
  CHECK_THAT(model.compare(0, disk), Contains("wrong from offset 149 (0x08 for 0x07)"));
  disk[149] = std::byte{7};
  disk[150] = std::byte{7};
  CHECK_THAT(model.compare(0, disk), Contains("wrong from offset 150 (0x07 for 0x00)"));
}

TEST_CASE("files are compared to their end") {
  const nbd::TempDir dir("tkt");
  std::ofstream(dir / "a") << "same and more";
  std::ofstream(dir / "b") << "same and less";
  std::ofstream(dir / "c") << "same";
  CHECK(compare_files(dir / "a", dir / "a") == "");
  CHECK(compare_files(dir / "a", dir / "b") == "they differ from byte 9");
  CHECK_THAT(compare_files(dir / "a", dir / "c"), Contains("/c ends at byte 4"));
  CHECK_THAT(compare_files(dir / "a", dir / "d"), Contains("cannot be read"));
}

TEST_CASE("texts are held against every expectation") {
  CHECK(check_text({{"b"}, {"x"}, {"^a.c$"}, {}}, "abc\n") == "");
  CHECK(check_text({{"x"}, {}, {}, {}}, "abc") == "does not contain \"x\"");
  CHECK(check_text({{}, {"b"}, {}, {}}, "abc") == "contains \"b\"");
  CHECK(check_text({{}, {}, {"^b"}, {}}, "abc\nbcd") == "");  // ^ is the start of a line
  CHECK(check_text({{}, {}, {}, "x"}, "abc") == "is not \"x\"");
}

TEST_CASE("the last lines of a log are shown, without the empty ones") {
  CHECK(last_lines("a\nb\n\nc\n", 2) == std::vector<std::string>{"b", "c"});
  CHECK(last_lines("", 2).empty());
  CHECK(last_lines("one", 2) == std::vector<std::string>{"one"});
}
