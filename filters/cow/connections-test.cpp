// SPDX-License-Identifier: BSD-3-Clause
//
// cow behind a server whose clients have many requests in flight, on several
// connections. Method: each sends batches of random requests and takes the replies as
// they come; what a read gets is held against what it may be (history.hpp), and so is
// all of the disk at the end. The file below is as it was. SEED=N repeats the requests.
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>

#include "history.hpp"
#include "session/test-server.hpp"

namespace wire = nbd::wire;
using history::History;
using history::Value;
using nbdkit::test::RawClient;
using nbdkit::test::TestServer;
using wire::Command;

namespace {

constexpr uint64_t kSize = 70 * 4096 + 1024 + 33;
constexpr uint64_t kBlock = 4096;
constexpr int kBatches = 60, kInBatch = 12;

class BusyClient {
 public:
  BusyClient(const TestServer& server, History& history, unsigned seed)
      : client_(server), history_(history), random_(seed) {
    client_.enter_transmission();
  }

  void run() {
    for (int i = 0; i < kBatches; ++i) {
      // The others fit the socket's buffers, so nobody waits for both to be read.
      for (int j = 0; j < kInBatch; ++j) ask(j + 1 == kInBatch);
      while (!asked_.empty()) take_reply();
    }
  }

 private:
  struct Asked {
    Command command;
    uint64_t offset, count, began;
    Value value;  // of what changes something
  };
  uint64_t below(uint64_t n) { return random_() % n; }

  void ask(bool may_be_long) {
    constexpr uint64_t kCells = (kSize + history::kCell - 1) / history::kCell;
    constexpr Command kKinds[] = {Command::read,         Command::read,  Command::write,
                                  Command::write,        Command::trim,  Command::cache,
                                  Command::write_zeroes, Command::flush, Command::write};
    const Command command = kKinds[below(std::size(kKinds))];
    const uint64_t longest = may_be_long && below(2) == 0 ? kCells : 25;
    uint64_t from = below(kCells) * history::kCell;
    uint64_t to = std::min(kSize, from + (1 + below(longest)) * history::kCell);
    if (command == Command::flush) from = to = 0;
    uint16_t flags = below(2) == 0 ? wire::command_flag::kFua : 0;
    if (command == Command::write_zeroes && below(2) == 0) flags |= wire::command_flag::kNoHole;

    Asked a{command, from, to - from, history_.now(), history_.new_value()};
    auto bytes = RawClient::request(command, from, static_cast<uint32_t>(a.count), flags);
    wire::store(bytes.data() + 8, ++cookies_);
    if (command == Command::write) {
      bytes.resize(wire::kRequestSize + a.count);
      history::fill(std::span(bytes).subspan(wire::kRequestSize), from, a.value);
    } else if (command == Command::write_zeroes) {
      a.value |= history::kZeroes;
    } else if (command == Command::trim) {  // parts of blocks stay as they are
      a.value |= history::kZeroes;
      a.offset = (from + kBlock - 1) / kBlock * kBlock;
      const uint64_t end = to == kSize ? to : to / kBlock * kBlock;
      a.count = end > a.offset ? end - a.offset : 0;
    }
    if (changes(a)) history_.begin(a.count, a.offset, a.value);
    asked_.emplace(cookies_, a);
    client_.send(bytes);
  }
  static bool changes(const Asked& a) {
    return a.count > 0 && (a.command == Command::write || a.command == Command::trim ||
                           a.command == Command::write_zeroes);
  }
  void take_reply() {
    const auto reply = client_.receive(wire::kSimpleReplySize);
    const auto found = asked_.find(wire::load<uint64_t>(reply.data() + 8));
    if (found == asked_.end()) nbd::fail("a reply to nothing");
    const Asked a = found->second;
    asked_.erase(found);
    if (wire::load<uint32_t>(reply.data() + 4) != 0) nbd::fail("a request failed");
    if (changes(a)) history_.end(a.count, a.offset, a.value);
    if (a.command != Command::read) return;
    const auto data = client_.receive(a.count);
    const std::string wrong = history_.judge(data, a.offset, a.began);
    if (!wrong.empty()) nbd::fail("read {}+{}: {}", a.offset, a.count, wrong);
  }

  RawClient client_;
  History& history_;
  std::mt19937_64 random_;
  uint64_t cookies_ = 0;
  std::map<uint64_t, Asked> asked_;
};

std::vector<std::byte> contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::vector<char> all{std::istreambuf_iterator<char>(in), {}};
  const auto bytes = std::as_bytes(std::span(all));
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("clients that spoil a disk together read what they wrote, and the file stays") {
  const char* given = std::getenv("SEED");
  const unsigned seed = given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 0))
                                         : std::random_device()();
  WARN("seed " << seed);
  CAPTURE(seed);
  const std::vector<std::string> extra =
      GENERATE(std::vector<std::string>{}, std::vector<std::string>{"cow-on-read=true"});
  const nbd::TempDir dir("cowtest");
  const std::string path = dir / "disk";
  std::vector<std::byte> start(kSize);
  history::fill(start, 0, history::kStart);
  std::ofstream(path, std::ios::binary).write(reinterpret_cast<const char*>(start.data()), kSize);

  std::vector<std::string> args{"--filter=cow", "file", path, "cow-block-size=4k"};
  args.insert(args.end(), extra.begin(), extra.end());
  TestServer server(args);
  History history(kSize);
  std::vector<std::string> wrong(5);
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < wrong.size(); ++i) {
      threads.emplace_back([&, i] {
        try {
          BusyClient(server, history, seed * 100 + i).run();
        } catch (const nbd::Error& e) {
          wrong[i] = e.what();
        }
      });
    }
  }
  for (const std::string& w : wrong) CHECK(w == "");
  {
    RawClient client(server);
    REQUIRE(client.enter_transmission() == kSize);
    const uint64_t began = history.now();
    client.send(RawClient::request(Command::read, 0, kSize));
    REQUIRE(client.reply_error() == 0);
    CHECK(history.judge(client.receive(kSize), 0, began) == "");
  }
  CHECK(server.stop().success());
  CHECK((contents(path) == start));
}
