// SPDX-License-Identifier: BSD-3-Clause
//
// Goal: a plugin compiled against any version of the C interface is served, its
// thread model is kept, and one that misbehaves gets a clear error. Method: the
// probe plugin (probe-plugin.c) in several builds, behind a real server; what
// it reads tells how it was called.
#include <atomic>
#include <catch2/catch.hpp>
#include <mutex>
#include <thread>
#include <vector>

#include "session/test-server.hpp"

namespace wire = nbd::wire;
using nbdkit::test::RawClient;
using nbdkit::test::TestServer;
using wire::Command;

namespace {

struct Seen {
  unsigned most, most_in_connection, connections, flushes, written;
  unsigned most_calls;  // of any kind
};

Seen read_probe(RawClient& c) {
  REQUIRE(c.reply_error() == 0);
  const auto bytes = c.receive(512);
  const auto at = [&](size_t i) { return std::to_integer<unsigned>(bytes[i]); };
  return {at(0), at(1), at(2), at(3), at(4), at(5)};
}

std::string probe(const char* build) { return std::string(PROBE_DIR) + "/probe-" + build + ".so"; }

std::string strict(const char* model) {
  return std::string("--filter=") + PROBE_DIR + "/strict-" + model + ".so";
}

// Clients that come and go at once, each with two reads in flight; the plugin takes
// its time in every call, those of the handshake and close included.
Seen busy(const std::vector<std::string>& options, const char* model) {
  std::vector<std::string> args = options;
  args.insert(args.end(), {probe("v2"), std::string("model=") + model, "wait=20", "slow=5"});
  TestServer server(args);
  std::vector<std::thread> clients;
  std::atomic<bool> well = true;
  std::mutex lock;
  unsigned most_in_connection = 0;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      try {
        for (int turn = 0; turn < 2; ++turn) {
          RawClient c(server);
          c.enter_transmission();
          for (int n = 0; n < 2; ++n) c.send(RawClient::request(Command::read, 0, 512));
          for (int n = 0; n < 2; ++n) {
            if (c.reply_error() != 0) well = false;
            const auto in_this = std::to_integer<unsigned>(c.receive(512)[1]);
            const std::lock_guard guard(lock);
            most_in_connection = std::max(most_in_connection, in_this);
          }
        }
      } catch (const nbd::Error&) {
        well = false;
      }
    });
  }
  for (auto& c : clients) c.join();
  CHECK(well);
  Seen seen{};
  {
    RawClient last(server);
    last.enter_transmission();
    last.send(RawClient::request(Command::read, 0, 512));
    seen = read_probe(last);
  }
  seen.most_in_connection = most_in_connection;
  CHECK(server.stop().success());
  return seen;
}

// Two clients with four reads each in flight; what the plugin saw at the end.
Seen overlap(const std::string& model, const std::vector<std::string>& options = {},
             const std::vector<std::string>& parameters = {}) {
  std::vector<std::string> args = options;
  args.insert(args.end(), {probe("v2"), "model=" + model, "wait=50"});
  args.insert(args.end(), parameters.begin(), parameters.end());
  TestServer server(args);
  RawClient a(server);
  a.enter_transmission();
  Seen last{};
  {
    RawClient b(server);
    const bool together = model != "0";  // otherwise b is not greeted yet
    if (together) b.enter_transmission();
    for (int i = 0; i < 4; ++i) {
      a.send(RawClient::request(Command::read, 0, 512));
      if (together) b.send(RawClient::request(Command::read, 0, 512));
    }
    for (int i = 0; i < 4; ++i) {
      last = read_probe(a);
      if (together) last = read_probe(b);
    }
  }
  CHECK(server.stop().success());
  return last;
}

}  // namespace

TEST_CASE("parallel: requests of all clients overlap") {
  const Seen s = overlap("3");
  CHECK(s.most_in_connection == 4);
  CHECK(s.most >= 5);  // eight at once, but for what a slow machine delays
}

TEST_CASE("-t bounds how many requests of one client overlap") {
  CHECK(overlap("3", {"-t", "2"}).most_in_connection == 2);
  CHECK(overlap("3", {"-t", "1"}).most_in_connection == 1);
}

TEST_CASE("-t bounds them also when they have all been delayed, and wake up together") {
  const Seen s = overlap("3", {"-t", "2", "--filter=delay"}, {"delay-read=100ms"});
  CHECK(s.most_in_connection == 2);
}

TEST_CASE("one at a time, also when they have been delayed, and waited together") {
  const Seen of_client = overlap("2", {"--filter=delay"}, {"delay-read=50ms"});
  CHECK(of_client.most_in_connection == 1);
  const Seen of_all = overlap("1", {"--filter=delay"}, {"delay-read=50ms"});
  CHECK(of_all.most == 1);
}

TEST_CASE("serialize_requests: one at a time in a connection, connections overlap") {
  const Seen s = overlap("2");
  CHECK(s.most_in_connection == 1);
  CHECK(s.most == 2);
}

TEST_CASE("serialize_all_requests: one at a time") {
  const Seen s = overlap("1");
  CHECK(s.most == 1);
  CHECK(s.connections == 2);
}

TEST_CASE("which calls overlap when clients come and go, under each thread model") {
  SECTION("parallel: all") {
    const Seen s = busy({}, "3");
    CHECK(s.most_in_connection == 2);
    CHECK(s.most >= 2);
    CHECK(s.most_calls >= 3);
  }
  SECTION("serialize_requests: those of different clients") {
    const Seen s = busy({}, "2");
    CHECK(s.most_in_connection == 1);
    CHECK(s.most >= 2);
    CHECK(s.most_calls >= 2);
  }
  SECTION("serialize_all_requests: none, though several clients are there") {
    const Seen s = busy({}, "1");
    CHECK(s.most_calls == 1);
    CHECK(s.connections >= 2);
  }
  SECTION("serialize_connections: none, and one client is there") {
    const Seen s = busy({}, "0");
    CHECK(s.most_calls == 1);
    CHECK(s.connections == 1);
  }
}

TEST_CASE("a filter makes the thread model stricter, and none makes it looser") {
  SECTION("serialize_requests") {
    const Seen s = busy({strict("serialize_requests")}, "3");
    CHECK(s.most_in_connection == 1);
    CHECK(s.most >= 2);
  }
  SECTION("serialize_all_requests") {
    const Seen s = busy({strict("serialize_all_requests")}, "3");
    CHECK(s.most_calls == 1);
    CHECK(s.connections >= 2);
  }
  SECTION("serialize_connections, the strictest of two") {
    const Seen s = busy({strict("serialize_connections"), strict("serialize_requests")}, "3");
    CHECK(s.most_calls == 1);
    CHECK(s.connections == 1);
  }
  SECTION("the plugin's stays where it is stricter") {
    const Seen s = busy({strict("serialize_requests")}, "1");
    CHECK(s.most_calls == 1);
    CHECK(s.connections >= 2);
  }
}

TEST_CASE("serialize_connections: the second client waits for the first to leave") {
  TestServer server({probe("v2"), "model=0"});
  {
    RawClient a(server);
    a.enter_transmission();
    RawClient b(server);
    a.send(RawClient::request(Command::disc, 0, 0));
    b.enter_transmission();
    b.send(RawClient::request(Command::read, 0, 512));
    CHECK(read_probe(b).connections == 1);
  }
  CHECK(server.stop().success());
}

TEST_CASE("several connections are not offered where the second would wait for the first") {
  for (const char* model : {"0", "1", "2", "3"}) {
    CAPTURE(model);
    TestServer server({probe("v2"), std::string("model=") + model});
    RawClient c(server);
    c.greet();
    c.send(RawClient::option(1, 0));
    const auto flags = wire::load<uint16_t>(c.receive(10).data() + 8);
    const bool offered = (flags & wire::transmission_flag::kCanMultiConn) != 0;
    CHECK(offered == (std::string(model) != "0"));
  }
}

TEST_CASE("plugins of every version and size of the interface are served") {
  // v1-short and v2-long claim less and more of the struct than we know.
  for (const char* build : {"v1", "v1-short", "v2", "v2-long"}) {
    CAPTURE(build);
    TestServer server({probe(build)});
    {
      RawClient c(server);
      CHECK(c.enter_transmission() == 1 << 20);
      c.send(RawClient::request(Command::write, 0, 7, wire::command_flag::kFua));
      c.send(std::vector<std::byte>(7));
      CHECK(c.reply_error() == 0);
      c.send(RawClient::request(Command::write_zeroes, 0, 70000));  // emulated by writing
      CHECK(c.reply_error() == 0);
      c.send(RawClient::request(Command::read, 0, 512));
      const Seen s = read_probe(c);
      CHECK(s.flushes == 1);  // FUA is emulated by a flush
      CHECK(s.written == (70007 & 0xff));
    }
    CHECK(server.stop().success());
  }
}

TEST_CASE("a plugin for an interface that we do not know is refused at start") {
  CHECK_THROWS(TestServer({probe("v99")}));
}

TEST_CASE("a plugin that misbehaves costs its client the connection at most") {
  SECTION("open fails, get_size is negative, block sizes are impossible") {
    for (const char* what : {"open", "size", "block-size"}) {
      CAPTURE(what);
      TestServer server({probe("v2"), std::string("bad=") + what});
      RawClient c(server);
      c.greet();
      c.send(RawClient::option(1, 0));
      CHECK(c.is_hung_up());
      CHECK(server.stop().success());
    }
  }
  SECTION("pread fails: the errno that it set arrives") {
    TestServer server({probe("v2"), "bad=pread"});
    RawClient c(server);
    c.enter_transmission();
    c.send(RawClient::request(Command::read, 0, 512));
    CHECK(c.reply_error() == static_cast<uint32_t>(wire::ErrorCode::enospc));
    CHECK(server.stop().success());
  }
}
