// SPDX-License-Identifier: BSD-3-Clause
//
// Goal: what a plugin does wrong costs the request or the connection in which it
// does it, and the server tells; at start it is an error of the start. Method:
// plugins that misbehave on demand, each behind a real server, with a client
// that must be answered or cut off and, where the server lives on, another one
// that must be served.
#include <catch2/catch.hpp>

#include <fcntl.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "session/dialect-client.hpp"

namespace wire = nbd::wire;
using nbdkit::test::DialectClient;
using nbdkit::test::RawClient;
using nbdkit::test::ReceivedChunk;
using nbdkit::test::TestServer;
using wire::Command;

namespace {

const std::string kThrowing = std::string(PROBE_DIR) + "/throwing.so";
const std::string kProbe = std::string(PROBE_DIR) + "/probe-v2.so";

struct Ended {
  nbd::ExitStatus status;
  std::string messages;
};

// A server that cannot start; what it said.
Ended failed_start(const std::vector<std::string>& args) {
  const nbd::TempDir dir("nbdtest");
  std::vector<std::string> argv{NBDKIT_BINARY, "-f", "-U", dir / "s"};
  argv.insert(argv.end(), args.begin(), args.end());
  const nbd::Fd log(::open((dir / "log").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  nbd::Child child = nbd::spawn({.argv = argv, .stderr_fd = log.get(), .own_group = true});
  Ended ended{child.wait(), {}};
  std::ostringstream text;
  text << std::ifstream(dir / "log").rdbuf();
  ended.messages = text.str();
  return ended;
}

// One client reads, writes, flushes and leaves; its errors are its own.
void visit(const TestServer& server) {
  try {
    RawClient c(server);
    c.enter_transmission();
    c.send(RawClient::request(Command::read, 0, 512));
    c.reply_error();
  } catch (const nbd::Error&) {
  }
}

bool is_served(const TestServer& server) {
  RawClient c(server);
  c.enter_transmission();
  c.send(RawClient::request(Command::write, 0, 0));
  return c.reply_error() != 0;  // an empty write is refused: the server thinks
}

uint32_t error_of(const TestServer& server, Command command, uint32_t length) {
  RawClient c(server);
  c.enter_transmission();
  c.send(RawClient::request(command, 0, length));
  if (command == Command::write) c.send(std::vector<std::byte>(length));
  return c.reply_error();
}

// The chunk that answers NBD_CMD_BLOCK_STATUS over [offset, offset + length).
ReceivedChunk block_status(const TestServer& server, uint64_t offset, uint32_t length) {
  DialectClient c(server, wire::ReplyStyle::structured);
  c.set_base_allocation();
  c.go();
  c.request(Command::block_status, offset, length);
  return c.chunk();
}

constexpr auto kBlockStatus = static_cast<uint16_t>(wire::Chunk::block_status);
constexpr auto kError = static_cast<uint16_t>(wire::Chunk::error);

}  // namespace

TEST_CASE("an exception at start ends the start with a sentence") {
  for (const char* how : {"exception", "int"}) {
    for (const char* in : {"config", "config_complete", "get_ready", "after_fork"}) {
      CAPTURE(how, in);
      const Ended e = failed_start({kThrowing, std::string("how=") + how, std::string("in=") + in});
      CHECK(e.status.code == 1);
      CHECK(e.messages.find(fmt::format("plugin throwing: {} threw an exception", in)) !=
            std::string::npos);
    }
  }
}

TEST_CASE("an exception in a client's callbacks costs that client its connection") {
  for (const char* how : {"exception", "int"}) {
    for (const char* in : {"preconnect", "default_export", "open", "get_size", "can_write"}) {
      CAPTURE(how, in);
      TestServer server({kThrowing, std::string("how=") + how, std::string("in=") + in});
      visit(server);
      CHECK_THROWS(is_served(server));  // it does so for everybody
      CHECK(server.stop().success());
    }
  }
}

TEST_CASE("an exception in a request is its error, and in close a message") {
  for (const char* how : {"exception", "int"}) {
    CAPTURE(how);
    const std::string by = std::string("how=") + how;
    const auto eio = static_cast<uint32_t>(wire::ErrorCode::eio);
    for (const auto& [in, command] : {std::pair{"pread", Command::read},
                                      {"pwrite", Command::write},
                                      {"flush", Command::flush}}) {
      CAPTURE(in);
      TestServer server({kThrowing, by, std::string("in=") + in});
      CHECK(error_of(server, command, command == Command::flush ? 0 : 512) == eio);
      CHECK(is_served(server));
      CHECK(server.stop().success());
    }
    for (const char* in : {"close", "cleanup", "unload"}) {
      CAPTURE(in);
      TestServer server({kThrowing, by, std::string("in=") + in});
      visit(server);
      CHECK(is_served(server));
      CHECK(server.stop().success());
    }
  }
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a crash is blamed on the callback in which it happened") {
  const Ended e = failed_start({kThrowing, "how=crash", "in=get_ready"});
  CHECK(e.status.signal == SIGSEGV);
  CHECK(e.messages.find("crashed in get_ready of plugin throwing: SIGSEGV") != std::string::npos);
}
#endif

TEST_CASE("extents outside what was asked for are cut") {
  TestServer server({kProbe});  // from 0, and to the end of all offsets
  const ReceivedChunk s = block_status(server, 4096, 8192);
  REQUIRE(s.type == kBlockStatus);
  REQUIRE(s.payload.size() == 4 + 2 * 8);
  CHECK(s.at<uint32_t>(4) == 512);
  CHECK(s.at<uint32_t>(12) == (1 << 20) - 4096 - 512);  // the size of the disk is the end
  CHECK(s.at<uint32_t>(16) == 1);
  CHECK(server.stop().success());
}

TEST_CASE("extents that begin late, have gaps or are none are an error of the request") {
  for (const char* bad : {"no-extents", "gap", "ignored-gap", "hole-in-the-middle"}) {
    CAPTURE(bad);
    TestServer server({kProbe, std::string("bad=") + bad});
    const ReceivedChunk s = block_status(server, 4096, 8192);
    REQUIRE(s.type == kError);
    CHECK(s.error() != 0);
    CHECK(is_served(server));
    CHECK(server.stop().success());
  }
}

TEST_CASE("a negative answer that is not -1 is no answer") {
  for (const char* bad : {"can-fua", "can-cache", "size"}) {
    CAPTURE(bad);
    TestServer server({kProbe, std::string("bad=") + bad});
    visit(server);
    CHECK_THROWS(is_served(server));
    CHECK(server.stop().success());
  }
}

TEST_CASE("a plugin without its callbacks, name or interface is refused with a sentence") {
  const auto refused = [](const char* build, const char* text) {
    const Ended e = failed_start({std::string(PROBE_DIR) + "/probe-" + build + ".so"});
    CAPTURE(e.messages);
    CHECK(e.status.code == 1);
    CHECK(e.messages.find(text) != std::string::npos);
  };
  refused("v99", "incompatible with this version of nbdkit (_api_version = 99, need 0 to 2)");
  refused("nameless", "has no valid name");
  refused("sizeless", "has no .get_size callback");
}
