// SPDX-License-Identifier: BSD-3-Clause
//
// Goal: what a plugin lends arrives whole, is given back exactly once also when
// the client goes away, and a loan that is no good becomes a read or an error of
// that request. Method: the lending plugin, which marks what it had to copy,
// behind a real server; a client on a Unix socket (and, in the script beside
// this, real clients over TCP).
#include <catch2/catch.hpp>

#include "session/test-server.hpp"

namespace wire = nbd::wire;
using nbdkit::test::RawClient;
using nbdkit::test::TestServer;
using wire::Command;

namespace {

constexpr size_t kSize = 8 << 20;
const std::string kPlugin = std::string(PROBE_DIR) + "/lending.so";

std::byte content(size_t at) { return static_cast<std::byte>((at * 131) >> 4); }

enum class Got { lent, copied, wrong };

Got read(RawClient& c, uint64_t offset, uint32_t length) {
  c.send(RawClient::request(Command::read, offset, length));
  REQUIRE(c.reply_error() == 0);
  const auto data = c.receive(length);
  size_t lent = 0, copied = 0;
  for (size_t i = 0; i < length; ++i) {
    lent += data[i] == content(offset + i);
    copied += data[i] == std::byte{0xee};
  }
  if (lent == length) return Got::lent;
  return copied == length ? Got::copied : Got::wrong;
}

// Sends `count` reads at once, one `stride` behind the other, and has right(cookie,
// place in the disk) say what each byte of the replies is to be.
template <class Right>
void check_many_reads(RawClient& c, uint64_t count, uint64_t stride, uint32_t length,
                      Right&& right) {
  std::vector<std::byte> requests(count * wire::kRequestSize);
  for (uint64_t i = 0; i < count; ++i) {
    wire::encode_request(&requests[i * wire::kRequestSize], {.flags = 0,
                                                             .command = Command::read,
                                                             .cookie = i,
                                                             .offset = i * stride,
                                                             .length = length});
  }
  c.send(requests);
  for (uint64_t i = 0; i < count; ++i) {
    const auto head = c.receive(wire::kSimpleReplySize);
    REQUIRE(wire::load<uint32_t>(head.data() + 4) == 0);
    const auto cookie = wire::load<uint64_t>(head.data() + 8);
    const auto data = c.receive(length);
    size_t good = 0;
    for (size_t at = 0; at < length; ++at) good += data[at] == right(cookie, cookie * stride + at);
    CHECK(good == length);
  }
}

struct Counts {
  uint32_t lent = 0, given_back = 0;
};

Counts counts(RawClient& c) {
  c.send(RawClient::request(Command::read, kSize - 512, 512));
  REQUIRE(c.reply_error() == 0);
  const auto data = c.receive(512);
  Counts out;
  std::memcpy(&out, data.data(), sizeof out);
  return out;
}

// The server gives back after it has sent, which a client may see before.
void check_all_given_back(RawClient& c, uint32_t lent) {
  Counts now = counts(c);
  for (int i = 0; i < 1000 && now.given_back < lent; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    now = counts(c);
  }
  CHECK(now.lent == lent);
  CHECK(now.given_back == lent);
}

}  // namespace

TEST_CASE("lent bytes arrive, in every alignment, and are given back once") {
  for (const char* how : {"memory", "file"}) {
    for (const char* threads : {"1", "16"}) {  // in place, and by workers
      CAPTURE(how, threads);
      TestServer server({"-t", threads, kPlugin, std::string("how=") + how});
      {
        RawClient c(server);
        c.enter_transmission();
        CHECK(read(c, 0, 65536) == Got::lent);
        CHECK(read(c, 4097, 99999) == Got::lent);
        CHECK(read(c, 1 << 20, 1 << 20) == Got::lent);
        check_all_given_back(c, 3);
        CHECK(read(c, 0, 4096) == Got::copied);  // so few are not asked for
        check_all_given_back(c, 3);
      }
      CHECK(server.stop().success());
    }
  }
}

TEST_CASE("pages that are lent arrive, in every alignment") {
  for (const char* threads : {"1", "16"}) {  // in place, and by workers
    CAPTURE(threads);
    TestServer server({"-t", threads, kPlugin, "how=pages"});
    {
      RawClient c(server);
      c.enter_transmission();
      CHECK(read(c, 0, 65536) == Got::lent);
      CHECK(read(c, 4097, 99999) == Got::lent);
      CHECK(read(c, 12345, 900000) == Got::lent);
      CHECK(read(c, 1 << 20, 1 << 20) == Got::lent);  // all that a pipe holds
      CHECK(read(c, 0, 4 << 20) == Got::copied);      // more than a pipe holds
      CHECK(read(c, 65536, 65536) == Got::lent);
    }
    CHECK(server.stop().success());
  }
}

TEST_CASE("where only some lend their pages, those between them that do not are whole too") {
  for (const char* threads : {"1", "16"}) {
    CAPTURE(threads);
    TestServer server({"-t", threads, kPlugin, "how=some"});
    {
      RawClient c(server);
      c.enter_transmission();
      check_many_reads(c, 64, 32768, 40000, [](uint64_t cookie, uint64_t at) {
        return cookie % 2 == 0 ? content(at) : std::byte{0xee};
      });
    }
    CHECK(server.stop().success());
  }
}

TEST_CASE("many lent replies at once stay whole and in their own order") {
  for (const char* how : {"memory", "file", "pages"}) {
    CAPTURE(how);
    TestServer server({kPlugin, std::string("how=") + how});
    {
      RawClient c(server);
      c.enter_transmission();
      check_many_reads(c, 32, 4096, 200000, [](uint64_t, uint64_t at) { return content(at); });
      if (how != std::string("pages")) check_all_given_back(c, 32);
    }
    CHECK(server.stop().success());
  }
}

TEST_CASE("a file range too large for a pipe, and memory of any size") {
  for (const auto& [how, got] : {std::pair{"file", Got::copied}, {"memory", Got::lent}}) {
    CAPTURE(how);
    TestServer server({kPlugin, std::string("how=") + how});
    {
      RawClient c(server);
      c.enter_transmission();
      CHECK(read(c, 0, 4 << 20) == got);
      check_all_given_back(c, 1);
    }
    CHECK(server.stop().success());
  }
}

TEST_CASE("a plugin may decline, and a file that has shrunk is read instead") {
  for (const auto& args : {std::vector<std::string>{"how=no"}, {"how=file", "shrink=1"}}) {
    CAPTURE(args);
    std::vector<std::string> all{kPlugin};
    all.insert(all.end(), args.begin(), args.end());
    TestServer server(all);
    {
      RawClient c(server);
      c.enter_transmission();
      CHECK(read(c, 65536, 65536) == Got::copied);
    }
    CHECK(server.stop().success());
  }
}

TEST_CASE("too little that is lent, or an exception, is the error of the request") {
  for (const auto& [how, error] :
       {std::pair{"short", wire::ErrorCode::eio}, {"throw", wire::ErrorCode::enospc}}) {
    CAPTURE(how);
    TestServer server({kPlugin, std::string("how=") + how});
    {
      RawClient c(server);
      c.enter_transmission();
      c.send(RawClient::request(Command::read, 0, 65536));
      CHECK(c.reply_error() == static_cast<uint32_t>(error));
      CHECK(counts(c).lent == counts(c).given_back);
    }
    CHECK(server.stop().success());
  }
}

TEST_CASE("a client that does not take its replies and leaves: all is given back") {
  for (const char* how : {"memory", "file"}) {
    CAPTURE(how);
    TestServer server({kPlugin, std::string("how=") + how});
    {
      RawClient rude(server);
      rude.enter_transmission();
      for (int i = 0; i < 8; ++i) rude.send(RawClient::request(Command::read, 0, 1 << 20));
      RawClient waits(server);  // until the server is at it
      waits.enter_transmission();
      for (int i = 0; i < 1000 && counts(waits).lent == 0; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
      }
    }
    {
      RawClient c(server);
      c.enter_transmission();
      Counts now = counts(c);
      for (int i = 0; i < 2000 && now.given_back != now.lent; ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        now = counts(c);
      }
      CHECK(now.lent > 0);
      CHECK(now.given_back == now.lent);
      CHECK(read(c, 0, 65536) == Got::lent);
    }
    CHECK(server.stop().success());
  }
}

TEST_CASE("a filter that looks at reads is shown them") {
  TestServer server({"--filter=error", kPlugin});
  {
    RawClient c(server);
    c.enter_transmission();
    CHECK(read(c, 0, 65536) == Got::copied);
    CHECK(counts(c).lent == 0);
  }
  CHECK(server.stop().success());
}
