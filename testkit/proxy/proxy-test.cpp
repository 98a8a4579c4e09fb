// SPDX-License-Identifier: BSD-3-Clause
//
// The parts of the proxy that need no sockets: how bytes are cut into messages, which rules
// fire, what becomes of a message.
#include <catch2/catch.hpp>
#include <random>

#include "proxy/conversation.hpp"
#include "proxy/delivery.hpp"
#include "proxy/faults.hpp"
#include "wire/messages.hpp"

using namespace testkit::proxy;
namespace wire = nbd::wire;
using wire::Command;

namespace {

Buffer bytes_of(wire::Bytes b) { return {b.begin(), b.end()}; }

Buffer greeting() {
  return bytes_of(
      wire::Writer().put(wire::kNbdMagic).put(wire::kIHaveOpt).put(uint16_t{3}).bytes());
}
Buffer option(wire::Option option) {
  wire::Writer w;
  w.put(wire::kIHaveOpt).put(static_cast<uint32_t>(option)).put(uint32_t{0});
  return bytes_of(w.bytes());
}
Buffer ack(wire::Option option) {
  return bytes_of(wire::encode_option_reply(option, wire::OptionReply::ack, {}).bytes());
}
wire::Request request(Command command, uint64_t cookie, uint64_t offset, uint64_t length) {
  return {.flags = 0, .command = command, .cookie = cookie, .offset = offset, .length = length};
}
Buffer encoded(const wire::Request& r) {
  Buffer out(wire::kRequestSize);
  wire::encode_request(out.data(), r);
  return out;
}

// A conversation in which structured replies are agreed on and requests may be made.
struct Talk {
  Conversation conversation;
  Incoming client, server;

  Talk() {
    server_says(greeting());
    client_says(Buffer{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{3}});
    client_says(option(wire::Option::structured_reply));
    server_says(ack(wire::Option::structured_reply));
    client_says(option(wire::Option::go));
    server_says(ack(wire::Option::go));
  }
  std::optional<Message> client_says(const Buffer& bytes) {
    client.add(bytes);
    auto m = conversation.next_from_client(client);
    if (m) conversation.forwarded(*m);
    return m;
  }
  std::optional<Message> server_says(const Buffer& bytes) {
    server.add(bytes);
    return conversation.next_from_server(server);
  }
};

Message data_reply(uint64_t offset, uint32_t length) {
  Talk t;
  t.client_says(encoded(request(Command::read, 7, offset, length)));
  Buffer reply =
      bytes_of(wire::data_chunk(wire::ReplyStyle::structured,
                                request(Command::read, 7, offset, length), offset, length)
                   .view());
  for (uint32_t i = 0; i < length; ++i) reply.push_back(static_cast<std::byte>(i));
  return t.server_says(reply).value();
}

Rule rule(Place place, Action action) {
  Rule r;
  r.match.place = place;
  r.action = std::move(action);
  return r;
}

Delivery delivered(const Message& m, const std::vector<Rule>& rules) {
  Faults faults(rules, 1);
  return deliver(m, rules, faults.fire(m, 1), wire::ReplyStyle::structured);
}

}  // namespace

TEST_CASE("messages are the same, wherever the bytes are cut") {
  const Buffer from_client = [] {
    Buffer out{std::byte{0}, std::byte{0}, std::byte{0}, std::byte{3}};
    const Buffer o = option(wire::Option::structured_reply);
    out.insert(out.end(), o.begin(), o.end());
    return out;
  }();
  for (size_t piece = 1; piece <= from_client.size(); ++piece) {
    Conversation c;
    Incoming server, client;
    server.add(greeting());
    REQUIRE(c.next_from_server(server)->place == Place::greeting);
    std::vector<Place> places;
    for (size_t at = 0; at < from_client.size(); at += piece) {
      const size_t count = std::min(piece, from_client.size() - at);
      client.add(wire::Bytes(from_client).subspan(at, count));
      while (const auto m = c.next_from_client(client)) places.push_back(m->place);
    }
    CHECK(places == std::vector{Place::client_flags, Place::option});
    CHECK(client.size() == 0);
  }
}

TEST_CASE("what a client says behind GO waits for the answer") {
  Conversation c;
  Incoming server, client;
  server.add(greeting());
  c.next_from_server(server);
  client.add(Buffer(4));
  c.next_from_client(client);
  client.add(option(wire::Option::go));
  c.forwarded(c.next_from_client(client).value());
  client.add(encoded(request(Command::read, 1, 0, 512)));
  CHECK(c.client_must_wait());
  CHECK_FALSE(c.next_from_client(client));
  server.add(ack(wire::Option::go));
  CHECK(c.next_from_server(server)->place == Place::option_reply);
  CHECK(c.next_from_client(client)->place == Place::request);
}

TEST_CASE("replies find their request by the cookie") {
  Talk t;
  t.client_says(encoded(request(Command::read, 1, 4096, 16)));
  t.client_says(encoded(request(Command::flush, 2, 0, 0)));
  CHECK(t.conversation.pending() == 2);
  const auto flushed = t.server_says(bytes_of(
      wire::success_reply(wire::ReplyStyle::structured, request(Command::flush, 2, 0, 0)).view()));
  REQUIRE(flushed);
  CHECK(flushed->request.command == Command::flush);
  CHECK(flushed->chunk == kSimpleReply);
  Buffer data = bytes_of(
      wire::data_chunk(wire::ReplyStyle::structured, request(Command::read, 1, 4096, 16), 4096, 16)
          .view());
  data.resize(data.size() + 16);
  const auto read = t.server_says(data);
  REQUIRE(read);
  CHECK(read->has_data());
  CHECK(read->data_offset == 4096);
  CHECK(t.conversation.pending() == 0);
  // One that nobody asked for.
  CHECK_FALSE(t.server_says(data));
  CHECK(t.conversation.server_is_opaque());
}

TEST_CASE("random bytes are never more than not understood") {
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  for (int i = 0; i < 2000; ++i) {
    Talk t;
    Buffer noise(random() % 200);
    for (auto& b : noise) b = static_cast<std::byte>(random());
    if (i % 2 == 0 && noise.size() >= 4) wire::store(noise.data(), wire::kRequestMagic);
    if (i % 3 == 0 && noise.size() >= 4) wire::store(noise.data(), wire::kStructuredReplyMagic);
    t.client.add(noise);
    while (const auto m = t.conversation.next_from_client(t.client)) CHECK(!m->bytes.empty());
    t.server.add(noise);
    while (const auto m = t.conversation.next_from_server(t.server)) CHECK(!m->bytes.empty());
  }
}

TEST_CASE("which of the messages that match") {
  const Message m = data_reply(0, 16);
  const auto fires = [&](const Trigger& trigger) {
    Rule r = rule(Place::reply, Drop{});
    r.trigger = trigger;
    Faults faults({r}, 42);
    std::string out;
    for (int i = 0; i < 8; ++i) out += faults.fire(m, 1).empty() ? '.' : 'x';
    return out;
  };
  CHECK(fires({}) == "xxxxxxxx");
  CHECK(fires({.nth = 3}) == "..x.....");
  CHECK(fires({.every = 3}) == "..x..x..");
  CHECK(fires({.first = 2}) == "xx......");
  CHECK(fires({.times = 3}) == "xxx.....");
  CHECK(fires({.every = 2, .times = 2}) == ".x.x....");
  CHECK(fires({.passed = m.bytes.size() * 5}) == ".....xxx");
  CHECK(fires({.probability = 0}) == "........");
  const std::string some = fires({.probability = 0.5});
  CHECK(some == fires({.probability = 0.5}));  // by the seed
  CHECK(some.find('x') != std::string::npos);
  CHECK(some.find('.') != std::string::npos);
}

TEST_CASE("a state that one rule sets and another waits for") {
  const Message m = data_reply(0, 16);
  Rule sets = rule(Place::reply, Drop{}), waits = sets;
  sets.trigger.nth = 2;
  sets.trigger.set_state = "on";
  waits.trigger.in_state = "on";
  Faults faults({sets, waits}, 1);
  std::vector<size_t> seen;
  for (int i = 0; i < 4; ++i) seen.push_back(faults.fire(m, 1).size());
  CHECK(seen == std::vector<size_t>{0, 1, 1, 1});
  CHECK(faults.counts() == std::vector<uint64_t>{1, 2});
}

TEST_CASE("which messages match") {
  const Message m = data_reply(4096, 512);
  const auto matches = [&](auto change) {
    Rule r = rule(Place::reply, Drop{});
    change(r.match);
    return !Faults({r}, 1).fire(m, 3).empty();
  };
  CHECK(matches([](Match&) {}));
  CHECK_FALSE(matches([](Match& x) { x.place = Place::request; }));
  CHECK(matches([](Match& x) { x.commands = {0}; }));
  CHECK_FALSE(matches([](Match& x) { x.commands = {1, 2}; }));
  CHECK(matches([](Match& x) { x.with_data = true; }));
  CHECK(matches([](Match& x) { x.chunks = {1}; }));
  CHECK_FALSE(matches([](Match& x) { x.chunks = {kSimpleReply}; }));
  CHECK(matches([](Match& x) { x.connection = 3; }));
  CHECK_FALSE(matches([](Match& x) { x.connection = 1; }));
  CHECK(matches([](Match& x) { x.offset = Range{4607, 5000}; }));
  CHECK_FALSE(matches([](Match& x) { x.offset = Range{4608, 5000}; }));
  CHECK_FALSE(matches([](Match& x) { x.offset = Range{0, 4096}; }));
}

TEST_CASE("fields are changed where they stand") {
  const Message m = data_reply(4096, 16);
  const Delivery d = delivered(
      m, {rule(Place::reply, Set{{{"cookie", 1, true}, {"data_offset", 0x1234}, {"error", 5}}})});
  REQUIRE(d.messages.size() == 1);
  CHECK(wire::load<uint64_t>(d.messages[0].data() + 8) == 8);
  CHECK(wire::load<uint64_t>(d.messages[0].data() + 20) == 0x1234);
  CHECK(d.notes[0].find("no error in this message") != std::string::npos);
  CHECK(m.bytes != d.messages[0]);
}

TEST_CASE("data in chunks is all there, once") {
  const Message m = data_reply(4096, 1000);
  for (const bool reverse : {false, true}) {
    const Delivery d = delivered(m, {rule(Place::reply, Chunks{.bytes = 300, .reverse = reverse})});
    REQUIRE(d.messages.size() == 4);
    Buffer all(1000);
    for (size_t i = 0; i < 4; ++i) {
      const Buffer& chunk = d.messages[i];
      const bool done = (wire::load<uint16_t>(chunk.data() + 4) & wire::kReplyFlagDone) != 0;
      CHECK(done == (i == 3));
      CHECK(wire::load<uint32_t>(chunk.data() + 16) == chunk.size() - wire::kChunkHeaderSize);
      const auto at = wire::load<uint64_t>(chunk.data() + 20) - 4096;
      std::copy(chunk.begin() + 28, chunk.end(), all.begin() + static_cast<std::ptrdiff_t>(at));
    }
    CHECK(all == Buffer(m.bytes.begin() + 28, m.bytes.end()));
  }
}

TEST_CASE("rules that take away what others would change") {
  const Message m = data_reply(0, 16);
  Rule flip = rule(Place::reply, Flip{.count = 3});
  flip.match.with_data = true;
  for (const Action& second : std::vector<Action>{
           Flip{}, Chunks{}, Hole{}, Set{{{"data_offset", 1}}}, Extents{}, Fail{5}, Truncate{3}}) {
    const Delivery short_one =
        delivered(m, {rule(Place::reply, Truncate{10}), flip, rule(Place::reply, second)});
    CHECK(short_one.messages.size() == 1);
    CHECK(short_one.notes.size() == 3);
    delivered(m, {rule(Place::reply, Truncate{0}), flip, rule(Place::reply, second)});
    delivered(m, {rule(Place::reply, Hole{}), flip, rule(Place::reply, second)});
    delivered(m, {rule(Place::reply, Fail{5}), rule(Place::reply, second), flip});
  }
}

TEST_CASE("what is sent of a message, and how often") {
  const Message m = data_reply(0, 16);
  CHECK(delivered(m, {rule(Place::reply, Drop{})}).messages.empty());
  CHECK(delivered(m, {rule(Place::reply, Duplicate{2})}).messages.size() == 3);
  CHECK(delivered(m, {rule(Place::reply, Truncate{10})}).messages[0].size() == 10);
  const Delivery error = delivered(m, {rule(Place::reply, Fail{5})});
  CHECK(wire::load<uint16_t>(error.messages[0].data() + 6) == 0x8001);
  CHECK(wire::load<uint32_t>(error.messages[0].data() + 20) == 5);
  const Delivery flipped = delivered(m, {rule(Place::reply, Flip{.count = 1})});
  int differ = 0;
  for (size_t i = 0; i < m.bytes.size(); ++i) {
    differ += std::popcount(std::to_integer<unsigned>(m.bytes[i] ^ flipped.messages[0][i]));
  }
  CHECK(differ == 1);
  Rule late = rule(Place::reply, Disconnect{true});
  late.at_byte = 5;
  const Delivery cut = delivered(m, {late});
  REQUIRE(cut.stops.size() == 1);
  CHECK(cut.stops[0].at_byte == 5);
  CHECK(cut.stops[0].reset);
}
