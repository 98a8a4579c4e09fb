// SPDX-License-Identifier: BSD-3-Clause
//
// error and delay where a client has many requests in flight, so that workers
// serve them: seen through a client that knows the order of its own requests.
#include <catch2/catch.hpp>
#include <set>

#include "session/test-server.hpp"

namespace wire = nbd::wire;
using nbdkit::test::RawClient;
using nbdkit::test::TestServer;
using wire::Command;

namespace {

// Sends `count` reads at once; the numbers (from 1) of those that failed.
std::set<uint64_t> failed_reads(std::vector<std::string> args, uint64_t count) {
  TestServer server(std::move(args));
  std::set<uint64_t> out;
  {
    RawClient c(server);
    c.enter_transmission();
    for (uint64_t n = 1; n <= count; ++n) {
      auto bytes = RawClient::request(Command::read, 512 * n, 512);
      wire::store(bytes.data() + 8, n);
      c.send(bytes);
    }
    for (uint64_t n = 1; n <= count; ++n) {
      const auto reply = c.receive(wire::kSimpleReplySize);
      if (wire::load<uint32_t>(reply.data() + 4) != 0) {
        out.insert(wire::load<uint64_t>(reply.data() + 8));
      } else {
        c.receive(512);
      }
    }
  }
  CHECK(server.stop().success());
  return out;
}

const std::vector<std::string> kDelayed{"--filter=error", "--filter=delay", "pattern", "1M",
                                        "rdelay=2ms"};

std::vector<std::string> with(std::vector<std::string> args, std::vector<std::string> more) {
  args.insert(args.end(), more.begin(), more.end());
  return args;
}

}  // namespace

TEST_CASE("the same seed fails the same requests, whatever threads serve them") {
  const auto args = with(kDelayed, {"error-rate=20%", "error-seed=7"});
  const auto first = failed_reads(args, 100);
  CHECK(first.size() > 5);
  CHECK(first.size() < 40);
  for (int i = 0; i < 3; ++i) CHECK(failed_reads(args, 100) == first);
  CHECK(failed_reads(with(kDelayed, {"error-rate=20%", "error-seed=8"}), 100) != first);
}

TEST_CASE("error-nth is the Nth request that was sent") {
  CHECK(failed_reads(with(kDelayed, {"error-pread-nth=17"}), 60) == std::set<uint64_t>{17});
}

TEST_CASE("a delayed write is done though its client says goodbye and leaves") {
  for (const char* threads : {"16", "1"}) {  // in a worker, and in place
    CAPTURE(threads);
    TestServer server({"-t", threads, "--filter=delay", "memory", "1M", "wdelay=200ms"});
    {
      RawClient c(server);
      c.enter_transmission();
      c.send(RawClient::request(Command::write, 0, 512));
      c.send(std::vector<std::byte>(512, std::byte{7}));
      c.send(RawClient::request(Command::disc, 0, 0));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(600));
    {
      RawClient c(server);
      c.enter_transmission();
      c.send(RawClient::request(Command::read, 0, 512));
      CHECK(c.reply_error() == 0);
      CHECK(c.receive(512) == std::vector<std::byte>(512, std::byte{7}));
    }
    CHECK(server.stop().success());
  }
}
