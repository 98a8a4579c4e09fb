// SPDX-License-Identifier: BSD-3-Clause
//
// Goal: what structured replies and extended headers add is as the protocol
// says: requests of more than 4 GiB, block status in 64 bits and by payload,
// holes that are not sent, texts and offsets of errors. Method: a client of our
// own, since no packaged one speaks extended headers, against real servers.
#include <catch2/catch.hpp>

#include "session/dialect-client.hpp"

namespace wire = nbd::wire;
using nbdkit::test::DialectClient;
using nbdkit::test::ReceivedChunk;
using nbdkit::test::TestServer;
using wire::Command;
using wire::ReplyStyle;

namespace {

constexpr uint16_t kNone = 0, kData = 1, kHole = 2, kStatus = 5, kStatusExt = 6;
constexpr uint16_t kError = 0x8001, kErrorOffset = 0x8002;
constexpr uint32_t kEinval = 22, kEio = 5;

std::vector<std::byte> bytes(size_t count, unsigned value) {
  return std::vector<std::byte>(count, std::byte{static_cast<unsigned char>(value)});
}

wire::Writer contexts_payload(uint64_t length, const std::vector<uint32_t>& ids) {
  wire::Writer w;
  w.put(length);
  for (const uint32_t id : ids) w.put(id);
  return w;
}

std::vector<std::byte> to_vector(const wire::Writer& w) {
  return {w.bytes().begin(), w.bytes().end()};
}

ReceivedChunk only(DialectClient& c) {
  auto reply = c.reply();
  REQUIRE(reply.size() == 1);
  return reply.front();
}

}  // namespace

TEST_CASE("extended headers stand above structured replies") {
  TestServer server({"memory", "1M"});
  {
    DialectClient c(server, ReplyStyle::extended);
    CHECK(c.ask(8) == wire::kRepError + 10);  // ERR_EXT_HEADER_REQD
    CHECK(c.ask(11) == wire::kRepError + 3);  // twice
    c.send(DialectClient::option(1, 0));      // EXPORT_NAME
    CHECK(c.is_hung_up());
  }
  {
    DialectClient c(server, ReplyStyle::structured);  // from the one to the other
    CHECK(c.ask(11, wire::Writer().put(uint8_t{0})) == wire::kRepError + 3);
    CHECK(c.ask(11) == 1);
  }
  CHECK(server.stop().success());
}

TEST_CASE("--no-sr refuses extended headers too") {
  TestServer server({"--no-sr", "memory", "1M"});
  {
    DialectClient c(server, ReplyStyle::simple);
    CHECK(c.ask(11) == wire::kRepError + 1);
  }
  CHECK(server.stop().success());
}

TEST_CASE("extended: every command is answered in chunks that repeat the offset") {
  TestServer server({"memory", "1M"});
  {
    DialectClient c(server, ReplyStyle::extended);
    CHECK((c.go() & wire::transmission_flag::kBlockStatusPayload) == 0);  // no context is set
    c.request(Command::write, 4096, 512, 0, bytes(512, 7));
    auto done = only(c);
    CHECK(done.type == kNone);
    CHECK(done.offset == 4096);
    c.request(Command::read, 4096, 512);
    auto data = only(c);
    CHECK(data.type == kData);
    CHECK(data.offset == 4096);
    CHECK(data.at<uint64_t>(0) == 4096);
    CHECK(std::vector(data.payload.begin() + 8, data.payload.end()) == bytes(512, 7));
    c.request(Command::flush, 0, 0);
    CHECK(only(c).type == kNone);
    c.request(Command::read, 1 << 20, 512);
    auto error = only(c);
    CHECK(error.type == kError);
    CHECK(error.offset == 1 << 20);
    CHECK(error.error() == kEinval);
  }
  CHECK(server.stop().success());
}

TEST_CASE("extended: payloads where none belong, or none where one does") {
  TestServer server({"memory", "1M"});
  {
    DialectClient c(server, ReplyStyle::extended);
    c.set_base_allocation();
    CHECK((c.go() & wire::transmission_flag::kBlockStatusPayload) != 0);
    const auto refused = [&](const char* what, Command command, uint64_t length,
                             const std::vector<std::byte>& payload) {
      CAPTURE(what);
      c.request(command, 0, length, 0, payload);
      const auto chunk = only(c);
      CHECK(chunk.type == kError);
      CHECK(chunk.error() == kEinval);
    };
    refused("a write without payload", Command::write, 512, {});
    refused("a read with one", Command::read, 512, bytes(512, 1));
    refused("a trim with one", Command::trim, 512, bytes(70000, 1));
    refused("context ids: unknown", Command::block_status, 0,
            to_vector(contexts_payload(512, {7})));
    refused("context ids: twice the same", Command::block_status, 0,
            to_vector(contexts_payload(512, {1, 1})));
    refused("context ids: none", Command::block_status, 0, to_vector(contexts_payload(512, {})));
    refused("context ids: not whole", Command::block_status, 0, bytes(13, 0));
    refused("context ids: too short", Command::block_status, 0, bytes(3, 0));
    refused("context ids: thousands", Command::block_status, 0,
            to_vector(contexts_payload(512, std::vector<uint32_t>(10000, 1))));
    c.request(Command::block_status, 0, 0, 0, to_vector(contexts_payload(512, {1})));
    CHECK(only(c).type == kStatusExt);  // and the connection is none the worse
  }
  CHECK(server.stop().success());
}

TEST_CASE("extended: requests and block status of more than 4 GiB") {
  constexpr uint64_t kSize = uint64_t{8} << 40;
  TestServer server({"memory", "8T"});
  {
    DialectClient c(server, ReplyStyle::extended);
    c.set_base_allocation();
    c.go();
    c.request(Command::block_status, 0, kSize);
    auto all = only(c);
    CHECK(all.type == kStatusExt);
    REQUIRE(all.payload.size() == 24);
    CHECK(all.at<uint32_t>(0) == wire::kBaseAllocationId);
    CHECK(all.at<uint32_t>(4) == 1);
    CHECK(all.at<uint64_t>(8) == kSize);
    CHECK(all.at<uint64_t>(16) == 3);

    const uint64_t at = uint64_t{5} << 40;
    c.request(Command::write, at, 32768, 0, bytes(32768, 1));
    CHECK(only(c).type == kNone);
    c.request(Command::block_status, 0, kSize);
    auto parts = only(c);
    CHECK(parts.at<uint32_t>(4) == 3);
    CHECK(parts.at<uint64_t>(8) == at);
    CHECK(parts.at<uint64_t>(24) == 32768);
    CHECK(parts.at<uint64_t>(40) == kSize - at - 32768);

    c.request(Command::trim, 1 << 20, kSize - (1 << 20));
    CHECK(only(c).type == kNone);
    c.request(Command::write_zeroes, 0, kSize);
    CHECK(only(c).type == kNone);
    c.request(Command::cache, 0, kSize);
    CHECK(only(c).type == kNone);
    c.request(Command::block_status, 0, kSize);
    CHECK(only(c).at<uint64_t>(8) == kSize);
    c.request(Command::read, 0, uint64_t{1} << 33);
    CHECK(only(c).type == kError);
    c.request(Command::trim, 0, UINT64_MAX);
    CHECK(only(c).error() == kEinval);
  }
  CHECK(server.stop().success());
}

TEST_CASE("holes of a read are not sent, unless the client wants one piece") {
  for (const ReplyStyle style : {ReplyStyle::structured, ReplyStyle::extended}) {
    for (const char* threads : {"1", "16"}) {
      CAPTURE(static_cast<int>(style), threads);
      TestServer server({"-t", threads, "memory", "1M"});
      {
        DialectClient c(server, style);
        c.go();
        c.request(Command::write, 256 << 10, 64 << 10, 0, bytes(64 << 10, 9));
        style == ReplyStyle::extended ? (void)c.chunk() : (void)c.receive(16);

        c.request(Command::read, 0, 1 << 20);
        const auto pieces = c.reply();
        REQUIRE(pieces.size() == 3);
        CHECK(pieces[0].type == kHole);
        CHECK(pieces[0].at<uint64_t>(0) == 0);
        CHECK(pieces[0].at<uint32_t>(8) == 256 << 10);
        CHECK(pieces[1].type == kData);
        CHECK(pieces[1].at<uint64_t>(0) == 256 << 10);
        CHECK(std::vector(pieces[1].payload.begin() + 8, pieces[1].payload.end()) ==
              bytes(64 << 10, 9));
        CHECK(pieces[2].type == kHole);
        CHECK(pieces[2].at<uint64_t>(0) == 320 << 10);
        CHECK(pieces[2].at<uint32_t>(8) == (1 << 20) - (320 << 10));

        c.request(Command::read, 0, 1 << 20, wire::command_flag::kDf);
        CHECK(only(c).payload.size() == 8 + (1 << 20));
        c.request(Command::read, 256 << 10, 64 << 10);  // no hole: one piece
        CHECK(only(c).type == kData);
        c.request(Command::read, 0, 4096);  // too little to look for one
        CHECK(only(c).type == kData);
      }
      CHECK(server.stop().success());
    }
  }
}

TEST_CASE("faults that are meant for block status leave reads alone") {
  TestServer server({"--filter=error", "memory", "1M", "error-extents-rate=100%"});
  {
    DialectClient c(server, ReplyStyle::structured);
    c.set_base_allocation();
    c.go();
    c.request(Command::read, 0, 1 << 20);
    CHECK(only(c).type == kHole);
    c.request(Command::block_status, 0, 1 << 20);
    CHECK(only(c).type == kError);
  }
  CHECK(server.stop().success());
}

TEST_CASE("errors carry what the plugin said, and where, if that is known") {
  TestServer server({std::string(PROBE_DIR) + "/holes.so"});
  {
    DialectClient c(server, ReplyStyle::structured);
    c.go();
    c.request(Command::read, 0, 65536);
    const auto pieces = c.reply();
    REQUIRE(pieces.size() == 2);
    CHECK(pieces[0].type == kData);
    CHECK(pieces[1].type == kHole);

    c.request(Command::read, 65536, 512);
    const auto error = only(c);
    CHECK(error.type == kError);
    CHECK(error.error() == kEio);
    CHECK(error.text() == "the disk is tired");
    c.request(Command::read, 0, 128 << 10);
    const auto where = only(c);
    CHECK(where.type == kErrorOffset);
    CHECK(where.at<uint64_t>(where.payload.size() - 8) == 65536);
    c.request(Command::read, 1 << 20, 512);  // refused before any plugin was asked
    CHECK(only(c).text().empty());
  }
  CHECK(server.stop().success());
}

// A plugin that does not promise that asking is cheap and right is not asked.
TEST_CASE("zeroes that a plugin with extents gives are left out, whatever it says") {
  TestServer server({"eval", "get_size=echo 1M", "can_extents=exit 0", "extents=exit 1",
                     "pread=if [ $4 = 0 ]; then head -c 8192 /dev/zero; head -c $(($3 - 8192)) "
                     "/dev/zero | tr '\\0' x; else head -c $3 /dev/zero; fi"});
  {
    DialectClient c(server, ReplyStyle::structured);
    c.go();
    c.request(Command::read, 0, 65536);
    const auto pieces = c.reply();
    REQUIRE(pieces.size() == 2);
    CHECK(pieces[0].type == kHole);
    CHECK(pieces[0].at<uint32_t>(8) == 8192);
    CHECK(pieces[1].type == kData);
    CHECK(std::vector(pieces[1].payload.begin() + 8, pieces[1].payload.end()) ==
          bytes(65536 - 8192, 'x'));
    c.request(Command::read, 100, 65536);  // whole blocks of the disk alone
    const auto rest = c.reply();
    REQUIRE(rest.size() == 3);
    CHECK(rest[0].payload.size() == 8 + 3996);
    CHECK(rest[1].at<uint32_t>(8) == 61440);
    CHECK(rest[2].payload.size() == 8 + 100);
  }
  CHECK(server.stop().success());
}

TEST_CASE("an export that cannot be opened is refused with the plugin's words") {
  TestServer server({"eval", "open=echo 'ENOENT no such disk here' >&2; exit 1", "get_size=echo 0",
                     "pread=exit 1"});
  {
    DialectClient c(server, ReplyStyle::simple);
    CHECK(c.ask(7, wire::Writer().put(uint32_t{0}).put(uint16_t{0})) == wire::kRepError + 6);
    const std::string text(reinterpret_cast<const char*>(c.option_data.data()),
                           c.option_data.size());
    CHECK(text.find("no such disk here") != std::string::npos);
  }
  CHECK(server.stop().success());
}

TEST_CASE("block status stays in 32 bits where that was agreed on") {
  TestServer server({"memory", "8T"});
  {
    DialectClient c(server, ReplyStyle::structured);
    c.set_base_allocation();
    c.go();
    c.request(Command::block_status, 0, 0xffffffff);
    const auto status = only(c);
    CHECK(status.type == kStatus);
    REQUIRE(status.payload.size() == 12);
    CHECK(status.at<uint32_t>(4) % 4096 == 0);
  }
  CHECK(server.stop().success());
}
