// SPDX-License-Identifier: BSD-3-Clause
//
// Goal: whatever a client sends, it costs that client its connection and nobody
// else anything. Method: a real server; in each phase of the protocol a client
// that breaks the rules; beside it one that was there before and one that comes
// after, both of which must be served. At the end the server must leave cleanly,
// which under the sanitizers says that nothing went wrong unseen.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <functional>
#include <random>

#include "session/test-server.hpp"

namespace wire = nbd::wire;
using nbdkit::test::RawClient;
using nbdkit::test::TestServer;
using wire::Command;

namespace {

constexpr uint64_t kDiskSize = 1 << 20;

void check_is_served(RawClient& client) {
  client.send(RawClient::request(Command::read, 4096, 512));
  CHECK(client.reply_error() == 0);
  CHECK(client.receive(512) == std::vector<std::byte>(512));
}

// Runs the attack beside a client that behaves, and then another one.
void attack(const std::function<void(RawClient&)>& body) {
  TestServer server({"memory", std::to_string(kDiskSize)});
  RawClient before(server);
  REQUIRE(before.enter_transmission() == kDiskSize);
  {
    RawClient attacker(server);
    body(attacker);
    check_is_served(before);
    RawClient after(server);
    REQUIRE(after.enter_transmission() == kDiskSize);
    check_is_served(after);
  }
  check_is_served(before);
  CHECK(server.stop().describe() == "exit status 0");
}

std::vector<std::byte> random_bytes(std::mt19937& random, size_t count) {
  std::vector<std::byte> out(count);
  for (std::byte& b : out) b = static_cast<std::byte>(random());
  return out;
}

// $SEED repeats a run.
unsigned seed() {
  const char* given = std::getenv("SEED");
  return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 0))
                          : std::random_device{}();
}

}  // namespace

TEST_CASE("random bytes in any phase cost their sender alone") {
  const unsigned s = seed();
  INFO("SEED=" << s);
  std::mt19937 random(s);
  SECTION("as client flags") {
    attack([&](RawClient& c) {
      c.receive(18);
      c.send(random_bytes(random, 4096));
      c.half_close();
      CHECK(c.is_hung_up());
    });
  }
  SECTION("as an option") {
    attack([&](RawClient& c) {
      c.greet();
      c.send(random_bytes(random, 4096));
      c.half_close();
      CHECK(c.is_hung_up());
    });
  }
  SECTION("as the data of every option") {
    attack([&](RawClient& c) {
      c.greet();
      for (uint32_t number = 2; number < 16; ++number) {  // 1 has no error reply
        if (number == 2) continue;                        // and 2 ends it all
        // Not none: an empty LIST is a good one, with more than one reply.
        const auto data = random_bytes(random, 1 + random() % 63);
        c.send(RawClient::option(number, static_cast<uint32_t>(data.size())));
        c.send(data);
        const auto reply = c.receive(20);
        CHECK(wire::load<uint64_t>(reply.data()) == wire::kOptionReplyMagic);
        CHECK(wire::load<uint32_t>(reply.data() + 8) == number);
        c.receive(wire::load<uint32_t>(reply.data() + 16));
      }
    });
  }
  SECTION("as requests") {
    attack([&](RawClient& c) {
      c.enter_transmission();
      c.send(random_bytes(random, 4096));
      c.half_close();
      CHECK(c.is_hung_up());
    });
  }
  SECTION("as requests with the right magic") {
    attack([&](RawClient& c) {
      c.enter_transmission();
      for (int i = 0; i < 200; ++i) {
        auto bytes = random_bytes(random, wire::kRequestSize);
        wire::store(bytes.data(), wire::kRequestMagic);
        wire::store(bytes.data() + 6, static_cast<uint16_t>(random() % 10));
        c.send(bytes);
      }
      c.half_close();
      CHECK(c.is_hung_up());
    });
  }
}

TEST_CASE("an option that claims 4 GiB of data ends its connection") {
  for (uint32_t number = 1; number < 12; ++number) {
    CAPTURE(number);
    attack([&](RawClient& c) {
      c.greet();
      c.send(RawClient::option(number, 0xffffffff));
      CHECK(c.is_hung_up());
    });
  }
}

TEST_CASE("an option that is too long, but not absurd, is refused and negotiation goes on") {
  attack([](RawClient& c) {
    c.greet();
    const std::string data(100000, 'x');
    c.send(RawClient::option(7, static_cast<uint32_t>(data.size()), data));
    const auto reply = c.receive(20);
    CHECK(wire::load<uint32_t>(reply.data() + 12) ==
          static_cast<uint32_t>(wire::OptionReply::err_too_big));
    c.receive(wire::load<uint32_t>(reply.data() + 16));
    c.send(RawClient::option(1, 0));
    CHECK(wire::load<uint64_t>(c.receive(10).data()) == kDiskSize);
  });
}

TEST_CASE("unknown client flags end the connection") {
  attack([](RawClient& c) {
    c.greet(0x80);
    CHECK(c.is_hung_up());
  });
}

TEST_CASE("more options than anyone needs end the connection") {
  attack([](RawClient& c) {
    c.greet();
    for (int i = 0; i < 1000; ++i) c.send(RawClient::option(99, 0));
    CHECK(c.is_hung_up());
  });
}

TEST_CASE("requests with impossible ranges are refused and the connection goes on") {
  struct Row {
    const char* what;
    Command command;
    uint64_t offset;
    uint32_t length;
    uint16_t flags;
    wire::ErrorCode error;
  };
  using enum wire::ErrorCode;
  const Row rows[] = {
      {"read past the end", Command::read, kDiskSize, 1, 0, einval},
      {"read across the end", Command::read, kDiskSize - 1, 2, 0, einval},
      {"read that wraps around", Command::read, UINT64_MAX - 1, 4, 0, einval},
      {"read of 4 GiB", Command::read, 0, 0xffffffff, 0, einval},
      {"read of nothing", Command::read, 0, 0, 0, einval},
      {"trim past the end", Command::trim, kDiskSize, 512, 0, einval},
      {"zero past the end", Command::write_zeroes, kDiskSize, 512, 0, enospc},
      {"cache past the end", Command::cache, kDiskSize, 512, 0, einval},
      {"flush with a range", Command::flush, 512, 512, 0, einval},
      {"block status that was not negotiated", Command::block_status, 0, 512, 0, einval},
      {"unknown command", static_cast<Command>(99), 0, 512, 0, einval},
      {"unknown flag", Command::read, 0, 512, 0x8000, einval},
      {"no-hole on a read", Command::read, 0, 512, wire::command_flag::kNoHole, einval},
      {"fast zero on a trim", Command::trim, 0, 512, wire::command_flag::kFastZero, einval},
  };
  attack([&](RawClient& c) {
    c.enter_transmission();
    for (const Row& row : rows) {
      CAPTURE(row.what);
      c.send(RawClient::request(row.command, row.offset, row.length, row.flags));
      CHECK(c.reply_error() == static_cast<uint32_t>(row.error));
    }
    check_is_served(c);
  });
}

TEST_CASE("a refused write's payload is skipped, not taken for requests") {
  attack([](RawClient& c) {
    c.enter_transmission();
    c.send(RawClient::request(Command::write, kDiskSize, 300000));
    c.send(std::vector<std::byte>(300000, std::byte{0x25}));
    CHECK(c.reply_error() == static_cast<uint32_t>(wire::ErrorCode::enospc));
    check_is_served(c);
  });
}

TEST_CASE("a write that claims 4 GiB ends its connection") {
  attack([](RawClient& c) {
    c.enter_transmission();
    c.send(RawClient::request(Command::write, 0, 0xffffffff));
    CHECK(c.is_hung_up());
  });
}

TEST_CASE("half a message and then silence holds up nobody else") {
  SECTION("half the client flags") {
    attack([](RawClient& c) { c.send(wire::Writer().put(uint16_t{0})); });
  }
  SECTION("half an option") {
    attack([](RawClient& c) {
      c.greet();
      c.send(wire::Writer().put(wire::kIHaveOpt).put(uint32_t{7}));
    });
  }
  SECTION("an option without its data") {
    attack([](RawClient& c) {
      c.greet();
      c.send(RawClient::option(7, 100));
    });
  }
  SECTION("half a request") {
    attack([](RawClient& c) {
      c.enter_transmission();
      c.send(wire::Bytes(RawClient::request(Command::read, 0, 512)).first(10));
    });
  }
  SECTION("half a payload") {
    attack([](RawClient& c) {
      c.enter_transmission();
      c.send(RawClient::request(Command::write, 0, 65536));
      c.send(std::vector<std::byte>(1000));
    });
  }
}

TEST_CASE("a client that never reads its replies holds up nobody else") {
  attack([](RawClient& c) {
    c.enter_transmission();
    // 64 MiB of replies: far more than any socket buffer holds.
    for (int i = 0; i < 64; ++i) c.send(RawClient::request(Command::read, 0, kDiskSize));
  });
}

TEST_CASE("a client that never reads its replies does not keep the server from ending") {
  TestServer server({"memory", std::to_string(kDiskSize)});
  RawClient c(server);
  c.enter_transmission();
  for (int i = 0; i < 64; ++i) c.send(RawClient::request(Command::read, 0, kDiskSize));
  CHECK(server.stop().describe() == "exit status 0");
}
