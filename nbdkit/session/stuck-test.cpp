// SPDX-License-Identifier: BSD-3-Clause
//
// Goal: a request that takes long where it was read holds up none behind it, in
// whichever thread it got stuck, and no reply is lost, doubled or mixed with
// another. Method: the sticky plugin, whose requests are quick until they are
// trusted to be, and then wait for a write to the same place that the client sends
// only after the others were answered; and clients in number, of whose reads one in a few sleeps.
#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <filesystem>
#include <map>
#include <memory>
#include <random>
#include <thread>

#include <fmt/format.h>

#include "session/pace.hpp"
#include "session/test-server.hpp"
#include "session/watchdog.hpp"

namespace wire = nbd::wire;
using nbdkit::Pace;
using nbdkit::Watchdog;
using nbdkit::WorkerPool;
using nbdkit::test::RawClient;
using nbdkit::test::TestServer;
using wire::Command;
using namespace std::chrono_literals;

namespace {

const std::string kPlugin = std::string(PROBE_DIR) + "/sticky.so";
constexpr uint64_t kSticky = 1 << 19;
constexpr uint32_t kLength = 512;

class Client : public RawClient {
 public:
  explicit Client(const TestServer& server) : RawClient(server) {
    greet();
    send(option(1, 0));
    receive(10);
  }

  // Goes out with the next send_all().
  void add(Command command, uint64_t cookie, uint64_t offset) {
    const uint64_t payload = command == Command::write ? kLength : 0;
    const size_t at = out_.size();
    out_.resize(at + wire::kRequestSize + payload);
    wire::encode_request(&out_[at], {.flags = 0,
                                     .command = command,
                                     .cookie = cookie,
                                     .offset = offset,
                                     .length = kLength,
                                     .payload = payload});
    if (command == Command::read) reads_[cookie] = offset;
  }
  void send_all() { RawClient::send(std::exchange(out_, {})); }

  // The cookie of the next reply, which must be right.
  uint64_t reply() {
    const auto head = receive(wire::kSimpleReplySize);
    if (wire::load<uint32_t>(head.data()) != wire::kSimpleReplyMagic) nbd::fail("no reply");
    if (const auto error = wire::load<uint32_t>(head.data() + 4); error != 0) {
      nbd::fail("error {}", error);
    }
    const auto cookie = wire::load<uint64_t>(head.data() + 8);
    const auto read = reads_.find(cookie);
    if (read == reads_.end()) return cookie;
    const auto data = receive(kLength);
    for (size_t at = 0; at < kLength; at += 8) {
      uint64_t word = 0;
      std::memcpy(&word, &data[at], sizeof word);
      if (word != read->second + at) nbd::fail("wrong data for cookie {}", cookie);
    }
    reads_.erase(read);
    return cookie;
  }

  // So that the server takes the next of its kind to be quick, too.
  void earn_trust(Command command) {
    for (uint64_t i = 0; i < 40; ++i) {
      add(command, 1000 + i, i * kLength);
      send_all();
      CHECK(reply() == 1000 + i);
    }
  }

 private:
  std::vector<std::byte> out_;
  std::map<uint64_t, uint64_t> reads_;  // cookie to offset
};

}  // namespace

TEST_CASE("who is quick for some time is trusted, until it takes long") {
  Pace pace;
  const auto often = [&](int times, Pace::Duration time) {
    for (int i = 0; i < times; ++i) pace.took(time);
  };
  CHECK_FALSE(pace.is_quick(false));
  often(15, 1us);
  CHECK_FALSE(pace.is_quick(false));
  often(1, Pace::kQuick);
  CHECK(pace.is_quick(false));
  often(100, 1us);
  often(4, 50us);  // the system was busy
  CHECK(pace.is_quick(false));
  often(1, 50us);
  CHECK_FALSE(pace.is_quick(false));
  often(100, 1us);
  often(1, Pace::kLong + 1us);
  CHECK_FALSE(pace.is_quick(false));
  often(100, 1us);
  for (int i = 0; i < 100; ++i) {  // one in three
    often(2, 1us);
    often(1, 50us);
  }
  CHECK_FALSE(pace.is_quick(false));
}

TEST_CASE("who is alone may take longer, but for when others came meanwhile") {
  Pace pace;
  for (int i = 0; i < 40; ++i) pace.took(100us);
  CHECK(pace.is_quick(true));
  CHECK_FALSE(pace.is_quick(false));
  pace.held_others_up();
  CHECK_FALSE(pace.is_quick(true));
  for (int i = 0; i < 16; ++i) pace.took(100us);
  CHECK(pace.is_quick(true));
}

TEST_CASE("the turn is lost by a call that takes long, and by no other") {
  WorkerPool pool;
  Watchdog watchdog(pool);
  std::atomic<int> stand_ins = 0;
  Watchdog::Turn turn(watchdog, [&] { ++stand_ins; });
  for (int round = 0; round < 3; ++round) {
    const auto call = turn.enter();
    REQUIRE(call);
    while (stand_ins == round) std::this_thread::sleep_for(1ms);
    CHECK_FALSE(turn.leave(*call));
    std::this_thread::sleep_for(20ms * round);  // the watchdog may fall asleep
  }
  for (int i = 0; i < 100000; ++i) {
    const auto call = turn.enter();
    REQUIRE(call);
    if (!turn.leave(*call)) --stand_ins;  // the system had taken the processor away
  }
  for (int i = 0; i < 1000 && stand_ins != 3; ++i) std::this_thread::sleep_for(1ms);
  CHECK(stand_ins == 3);
}

TEST_CASE("a request that is stuck where it was read holds up none behind it") {
  TestServer server({kPlugin});
  Client c(server);
  // Again and again: the connection's thread must lead again afterwards.
  for (uint64_t place = kSticky; place < kSticky + 10 * kLength; place += kLength) {
    c.earn_trust(Command::read);
    c.add(Command::read, 1, place);
    c.add(Command::read, 2, 0);
    c.send_all();
    CHECK(c.reply() == 2);
    c.add(Command::write, 3, place);
    c.send_all();
    const uint64_t first = c.reply(), second = c.reply();
    CHECK(first + second == 1 + 3);
  }
  CHECK(server.stop().success());
}

TEST_CASE("so it does when the stand-in is stuck as well") {
  TestServer server({kPlugin});
  Client c(server);
  for (uint64_t place = kSticky; place < kSticky + 5 * kLength; place += kLength) {
    c.earn_trust(Command::read);
    c.earn_trust(Command::trim);
    c.add(Command::read, 1, place);
    c.add(Command::trim, 2, place);
    c.add(Command::read, 3, 0);
    c.send_all();
    CHECK(c.reply() == 3);
    c.add(Command::read, 4, 0);  // comes while both are stuck
    c.send_all();
    CHECK(c.reply() == 4);
    c.add(Command::write, 5, place);
    c.send_all();
    CHECK(c.reply() + c.reply() + c.reply() == 1 + 2 + 5);
  }
  CHECK(server.stop().success());
}

TEST_CASE("a client may leave while its request is stuck, and others do not notice") {
  TestServer server({kPlugin});
  Client other(server);
  for (const bool properly : {true, false}) {
    Client c(server);
    c.earn_trust(Command::read);
    const uint64_t place = properly ? kSticky : kSticky + kLength;
    c.add(Command::read, 1, place);
    if (properly) c.add(Command::disc, 2, 0);
    c.send_all();
    if (!properly) c.half_close();
    CHECK((other.earn_trust(Command::read), true));
    other.add(Command::write, 3, place);
    other.send_all();
    CHECK(other.reply() == 3);
    CHECK(c.is_hung_up());
  }
  CHECK(server.stop().success());
}

// What was begun for it must not be waited for by the end of the server.
TEST_CASE("a client may leave before a reply is sent, with a request behind it") {
  TestServer server({kPlugin, "each=60"});
  for (int i = 0; i < 20; ++i) {
    Client c(server);
    c.earn_trust(Command::read);       // for requests that are alone
    c.add(Command::read, 1, 1 << 20);  // past the end: the reply waits to be sent
    c.add(Command::read, 2, 0);
    c.send_all();
  }
  CHECK(server.stop().success());
}

TEST_CASE("a connection whose requests take long has one thread again when it is idle") {
  TestServer server({kPlugin, "jitter=1"});
  const auto threads = [&] {
    return std::distance(
        std::filesystem::directory_iterator(fmt::format("/proc/{}/task", server.pid())),
        std::filesystem::directory_iterator());
  };
  constexpr int kClients = 4;
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < kClients; ++i) clients.push_back(std::make_unique<Client>(server));
  const auto before = threads();
  for (const auto& c : clients) {
    for (uint64_t i = 0; i < 20; ++i) {  // each before the last is answered
      c->add(Command::read, i, i * kLength);
      c->send_all();
    }
    for (int i = 0; i < 20; ++i) c->reply();
  }
  CHECK(threads() > before + 1);
  for (int i = 0; i < 300 && threads() > before; ++i) std::this_thread::sleep_for(100ms);
  CHECK(threads() == before);
  CHECK(server.stop().success());
}

TEST_CASE("many clients, of whose reads a few, or many, or all are stuck") {
  const char* jitter = GENERATE("97", "3", "1");
  CAPTURE(jitter);
  std::random_device device;
  const char* given = std::getenv("SEED");
  const unsigned seed = given != nullptr ? static_cast<unsigned>(std::atoi(given)) : device();
  INFO("SEED=" << seed);
  constexpr unsigned kClients = 4, kDepth = 24, kReads = 1500;
  TestServer server({kPlugin, std::string("jitter=") + jitter});
  std::array<std::string, kClients> errors;
  std::vector<std::thread> clients;
  for (unsigned number = 0; number < kClients; ++number) {
    clients.emplace_back([&, number] {
      try {
        std::mt19937 random(seed + number);
        Client c(server);
        std::vector<bool> answered(kReads);
        unsigned sent = 0, got = 0;
        while (got < kReads) {
          for (; sent < kReads && sent - got < kDepth; ++sent) {
            c.add(Command::read, sent, random() % 2048 * kLength);
          }
          c.send_all();
          const uint64_t cookie = c.reply();
          if (cookie >= sent || answered[cookie]) nbd::fail("cookie {} is answered again", cookie);
          answered[cookie] = true;
          ++got;
        }
      } catch (const std::exception& e) {
        errors[number] = e.what();
      }
    });
  }
  for (std::thread& client : clients) client.join();
  for (const std::string& error : errors) CHECK(error.empty());
  CHECK(server.stop().success());
}
