// SPDX-License-Identifier: BSD-3-Clause
//
// Goal: no message, at any place of any handshake or behind it, can be broken in a
// way that costs anybody but its sender. Method: a table of conversations that are
// right (oldstyle; newstyle, fixed or not; with extended headers; with TLS required) and
// a table of ways to break one of their messages: cut off, too long, too short,
// claiming other lengths, said twice, left out, said too early, random. Every message is
// broken in every way. The server must hang up in the end, say nothing in answer to half
// a message, serve a client that was there before, and leave cleanly.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <random>

#include "session/test-server.hpp"

namespace wire = nbd::wire;
using nbdkit::test::RawClient;
using nbdkit::test::TestServer;
using wire::Command;
using wire::Option;

namespace {

constexpr uint64_t kDiskSize = 1 << 20;
using Bytes = std::vector<std::byte>;

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
Bytes first(const Bytes& all, size_t count) {
  return {all.begin(), all.begin() + static_cast<std::ptrdiff_t>(count)};
}
Bytes bytes_of(const wire::Writer& w) { return {w.bytes().begin(), w.bytes().end()}; }

// ---- What may be said

enum class Kind { client_flags, option, request, encrypted };
struct Message {
  std::string name;
  Kind kind;
  Bytes bytes;
};
struct Conversation {
  const char* name;
  std::vector<std::string> server;
  std::vector<Message> messages;
};

Message client_flags(uint32_t flags) {
  return {"client flags", Kind::client_flags, bytes_of(wire::Writer().put(flags))};
}

Message option(Option number, const wire::Writer& data = {}) {
  const auto code = static_cast<uint32_t>(number);
  const auto head = RawClient::option(code, static_cast<uint32_t>(data.bytes().size()));
  return {"option " + std::to_string(code), Kind::option, bytes_of(head) + bytes_of(data)};
}

Message request(Command command, uint64_t offset, uint64_t length, bool extended = false) {
  const bool has_payload = command == Command::write;
  Bytes head(wire::request_size(extended));
  const auto flags = has_payload && extended ? wire::command_flag::kPayloadLen : uint16_t{0};
  wire::encode_request(
      head.data(),
      {.flags = flags, .command = command, .cookie = 42, .offset = offset, .length = length},
      extended);
  return {std::string(wire::name_of(command)), Kind::request,
          head + Bytes(has_payload ? length : 0)};
}

std::vector<Message> requests(bool extended = false) {
  std::vector<Message> out;
  for (const Command c : {Command::read, Command::write, Command::trim, Command::cache,
                          Command::write_zeroes, Command::block_status}) {
    out.push_back(request(c, 4096, 512, extended));
  }
  out.push_back(request(Command::flush, 0, 0, extended));
  out.push_back(request(Command::disc, 0, 0, extended));
  return out;
}

wire::Writer go_data() { return wire::Writer().put(uint32_t{0}).put(uint16_t{1}).put(uint16_t{3}); }
wire::Writer base_allocation() {
  constexpr std::string_view kContext = "base:allocation";
  return wire::Writer().put(uint32_t{0}).put(uint32_t{1}).put(uint32_t{15}).put(kContext);
}

std::vector<Conversation> conversations(const std::string& keys) {
  const auto joined = [](std::vector<Message> a, const std::vector<Message>& b) {
    a.insert(a.end(), b.begin(), b.end());
    return a;
  };
  return {
      {"oldstyle", {"--oldstyle"}, requests()},
      {"newstyle, not fixed",
       {"--mask-handshake=0"},
       joined({client_flags(0), option(Option::export_name)}, requests())},
      {"fixed newstyle",
       {},
       joined(
           {client_flags(3), option(Option::list), option(Option::info, go_data()),
            option(Option::structured_reply), option(Option::list_meta_context, base_allocation()),
            option(Option::set_meta_context, base_allocation()), option(Option::go, go_data())},
           requests())},
      {"extended headers",
       {},
       joined({client_flags(3), option(Option::extended_headers),
               option(Option::set_meta_context, base_allocation()), option(Option::go, go_data())},
              requests(true))},
      {"an export by name, after an option",
       {},
       joined({client_flags(3), option(Option::structured_reply), option(Option::export_name)},
              requests())},
      {"an end before the beginning", {}, {client_flags(3), option(Option::abort)}},
      {"TLS required",
       {"--tls=require", "--tls-psk=" + keys},
       {client_flags(3),
        option(Option::go, go_data()),
        option(Option::starttls),
        {"ClientHello", Kind::encrypted, Bytes(300, std::byte{0x16})}}},
  };
}

// ---- How it may be broken

struct Broken {
  std::string how;
  Bytes sent;
  // Up to here it is right, and what comes then is not a whole message.
  std::optional<size_t> right_until = {};
};

size_t length_field_at(const Message& m) { return m.kind == Kind::option ? 12 : 24; }

// All but the order: message `at` of the conversation, in the middle of the others.
void break_message(const Conversation& c, size_t at, std::mt19937& random,
                   std::vector<Broken>& out) {
  Bytes before, after;
  for (size_t i = 0; i < at; ++i) before = std::move(before) + c.messages[i].bytes;
  for (size_t i = at + 1; i < c.messages.size(); ++i)
    after = std::move(after) + c.messages[i].bytes;
  const Message& m = c.messages[at];
  const size_t size = m.bytes.size();

  for (size_t cut = 1; cut < size; cut += cut < 40 ? 1 : 97) {
    Broken b{"cut after " + std::to_string(cut), before + first(m.bytes, cut)};
    if (m.kind != Kind::encrypted) b.right_until = before.size();
    out.push_back(std::move(b));
  }
  for (const size_t count : {1, 16, 5000}) {
    out.push_back(
        {std::to_string(count) + " bytes too long", before + m.bytes + Bytes(count) + after});
  }
  for (const size_t missing : {1, 4, 10}) {
    if (missing >= size) continue;
    out.push_back({std::to_string(missing) + " bytes too short",
                   before + first(m.bytes, size - missing) + after});
  }
  if (m.kind == Kind::option || m.kind == Kind::request) {
    for (const uint32_t length : {0u, 1u, 511u, 0x10000u, 0x7fffffffu, 0xffffffffu}) {
      Bytes lies = m.bytes;
      wire::store(lies.data() + length_field_at(m), length);
      out.push_back({"a length of " + std::to_string(length), before + lies + after});
    }
    Bytes stranger = m.bytes;
    wire::store(stranger.data() + (m.kind == Kind::option ? 8 : 4), 0xfeedbeefu);
    out.push_back({"an unknown kind", before + stranger + after});
  }
  if (m.kind == Kind::option) {
    Bytes much = before + bytes_of(RawClient::option(static_cast<uint32_t>(m.bytes[11]), 100000));
    out.push_back({"100000 bytes of data", std::move(much) + Bytes(100000) + after});
  }
  for (int i = 0; i < 8; ++i) {
    Bytes flipped = m.bytes;
    flipped[random() % size] ^= static_cast<std::byte>(1u << (random() % 8));
    out.push_back({"a flipped bit", before + flipped + after});
  }
  Bytes noise(size);
  for (std::byte& b : noise) b = static_cast<std::byte>(random());
  out.push_back({"random bytes", before + noise + after});
}

void break_order(const Conversation& c, size_t at, std::vector<Broken>& out) {
  const auto said = [&](std::vector<size_t> order) {
    Bytes sent;
    for (const size_t i : order) sent = std::move(sent) + c.messages[i].bytes;
    return sent;
  };
  std::vector<size_t> order;
  for (size_t i = 0; i < c.messages.size(); ++i) order.push_back(i);
  const auto place = [&](size_t i) { return order.begin() + static_cast<std::ptrdiff_t>(i); };

  order.insert(place(at), at);
  out.push_back({"said twice", said(order)});
  order.insert(place(at), 40, at);
  out.push_back({"said 42 times", said(order)});
  order.erase(place(at), place(at) + 42);
  out.push_back({"left out", said(order)});
  for (size_t i = 0; i < at; ++i) {
    order.insert(place(i), at);
    out.push_back({"said before message " + std::to_string(i + 1), said(order)});
    order.erase(place(i));
  }
}

// ---- What becomes of it

struct Outcome {
  bool hung_up = false;
  Bytes said;
};

Outcome say(const TestServer& server, const Bytes& sent) {
  RawClient client(server);
  client.send(sent);
  client.half_close();
  Outcome out;
  out.hung_up = client.is_hung_up(&out.said);
  return out;
}

unsigned seed() {  // $SEED repeats a run
  const char* given = std::getenv("SEED");
  return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 0))
                          : std::random_device{}();
}

}  // namespace

TEST_CASE("every message of every handshake, broken in every way") {
  const unsigned s = seed();
  INFO("SEED=" << s);
  std::mt19937 random(s);
  const nbd::TempDir dir{"nbdtest"};
  std::ofstream(dir / "keys") << "alice:0123456789abcdef0123456789abcdef\n";

  size_t tried = 0;
  for (const Conversation& c : conversations(dir / "keys")) {
    INFO(c.name);
    std::vector<std::string> args = c.server;
    args.insert(args.end(), {"memory", std::to_string(kDiskSize)});
    TestServer server(args);
    // Who was there before, where plain clients are let in.
    const bool plain = c.messages[0].kind == Kind::client_flags && c.server.empty();
    std::optional<RawClient> witness;
    if (plain) REQUIRE(witness.emplace(server).enter_transmission() == kDiskSize);

    Bytes all;
    for (const Message& m : c.messages) all = std::move(all) + m.bytes;
    const Outcome right = say(server, all);
    CHECK(right.hung_up);
    CHECK(right.said.size() > 18);

    for (size_t at = 0; at < c.messages.size(); ++at) {
      INFO(c.messages[at].name);
      std::vector<Broken> cases;
      break_message(c, at, random, cases);
      break_order(c, at, cases);
      for (const Broken& b : cases) {
        INFO(b.how);
        const Outcome outcome = say(server, b.sent);
        CHECK(outcome.hung_up);
        if (b.right_until) CHECK(outcome.said == say(server, first(b.sent, *b.right_until)).said);
        ++tried;
      }
      if (!witness) continue;
      witness->send(RawClient::request(Command::read, 0, 512));
      CHECK(witness->reply_error() == 0);
      witness->receive(512);
    }
    witness.reset();
    CHECK(say(server, all).said == right.said);
    CHECK(server.stop().describe() == "exit status 0");
  }
  CHECK(tried > 3000);
  WARN(tried << " broken conversations");
}
