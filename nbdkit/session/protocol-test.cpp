// SPDX-License-Identifier: BSD-3-Clause
//
// Goal: the rows of nbdkit-protocol(1) that other tests do not show. Method: each
// option and command in the ways that the protocol's document tells apart, byte by
// byte, against real servers.
#include <catch2/catch.hpp>

#include "session/dialect-client.hpp"

namespace wire = nbd::wire;
using nbdkit::test::DialectClient;
using nbdkit::test::RawClient;
using nbdkit::test::TestServer;
using wire::Command;
using wire::ReplyStyle;

namespace {

constexpr uint32_t kAck = 1, kServer = 2, kInfo = 3, kMetaContext = 4;
constexpr uint32_t kUnsup = wire::kRepError + 1, kPolicy = wire::kRepError + 2,
                   kInvalid = wire::kRepError + 3, kShutdown = wire::kRepError + 7;
constexpr uint32_t kList = 3, kStarttls = 5, kInfoOption = 6, kGo = 7, kStructured = 8;
constexpr uint32_t kListContexts = 9, kSetContexts = 10;
constexpr uint32_t kEinval = 22;

wire::Writer contexts(const std::vector<std::string_view>& queries, std::string_view name = {}) {
  wire::Writer w;
  w.put(static_cast<uint32_t>(name.size())).put(name);
  w.put(static_cast<uint32_t>(queries.size()));
  for (const auto q : queries) w.put(static_cast<uint32_t>(q.size())).put(q);
  return w;
}

wire::Writer info(std::string_view name, const std::vector<uint16_t>& wanted = {}) {
  wire::Writer w;
  w.put(static_cast<uint32_t>(name.size())).put(name).put(static_cast<uint16_t>(wanted.size()));
  for (const uint16_t i : wanted) w.put(i);
  return w;
}

// The types of all replies to an option, the last of which ends it.
std::vector<uint32_t> answers(DialectClient& c, uint32_t number, const wire::Writer& data = {}) {
  std::vector<uint32_t> out{c.ask(number, data)};
  while (out.back() == kServer || out.back() == kInfo || out.back() == kMetaContext) {
    out.push_back(c.option_reply());
  }
  return out;
}

using Types = std::vector<uint32_t>;

uint32_t simple_error(RawClient& c, Command command, uint64_t offset, uint32_t length,
                      uint16_t flags = 0) {
  c.send(RawClient::request(command, offset, length, flags));
  return c.reply_error();
}

}  // namespace

TEST_CASE("options that are unknown, unwanted or malformed are refused, each in its way") {
  TestServer server({"memory", "1M"});
  {
    DialectClient c(server, ReplyStyle::simple);
    const wire::Writer data = wire::Writer().put(uint8_t{0});
    CHECK(answers(c, 4) == Types{kUnsup});  // PEEK_EXPORT, withdrawn
    CHECK(answers(c, 99, data) == Types{kUnsup});
    CHECK(answers(c, kList, data) == Types{kInvalid});
    CHECK(answers(c, kStarttls) == Types{kPolicy});
    CHECK(answers(c, kSetContexts, contexts({"base:allocation"})) == Types{kInvalid});
    CHECK(answers(c, kStructured, data) == Types{kInvalid});
    CHECK(answers(c, kStructured) == Types{kAck});
    CHECK(answers(c, kStructured) == Types{kInvalid});
    CHECK(answers(c, kInfoOption) == Types{kInvalid});
    CHECK(answers(c, kInfoOption, info(std::string(4097, 'x'))) == Types{kInvalid});
    CHECK(answers(c, kInfoOption, info(std::string_view("a\0b", 3))) == Types{kInvalid});
    CHECK(answers(c, kSetContexts, contexts({std::string(4097, 'x')})) == Types{kInvalid});
    CHECK(answers(c, kList) == Types{kServer, kAck});
    CHECK(answers(c, kGo, info(std::string(4096, 'x'))) == Types{kInfo, kAck});
    c.request(Command::read, 0, 512);
    CHECK(c.reply().size() == 1);
  }
  {
    RawClient c(server);
    c.greet();
    c.send(RawClient::option(1, 4097, std::string(4097, 'x')));  // has no error reply
    CHECK(c.is_hung_up());
  }
  CHECK(server.stop().success());
}

TEST_CASE("INFO may be asked again and again, and GO after it") {
  TestServer server({"eval", "get_size=echo 1M", "pread=head -c $3 /dev/zero",
                     "block_size=echo 512 4K 64K", "export_description=echo a disk"});
  {
    DialectClient c(server, ReplyStyle::structured);
    CHECK(answers(c, kInfoOption, info("x")) == Types{kInfo, kAck});
    CHECK(answers(c, kInfoOption, info("x", {0, 1, 2, 3})) ==
          Types{kInfo, kInfo, kInfo, kInfo, kAck});
    CHECK(answers(c, kInfoOption, info("y", {77, 3, 3})) == Types{kInfo, kInfo, kAck});
    CHECK(answers(c, kGo, info("x", {2})) == Types{kInfo, kInfo, kAck});
    c.request(Command::read, 0, 512);
    CHECK(c.reply().size() == 1);
  }
  CHECK(server.stop().success());
}

TEST_CASE("queries for meta contexts") {
  TestServer server({"memory", "1M"});
  const auto block_status_works = [](DialectClient& c) {
    c.go();
    c.request(Command::block_status, 0, 4096);
    return c.reply().front().type == 5;
  };
  {
    DialectClient c(server, ReplyStyle::structured);
    const Types one{kMetaContext, kAck}, none{kAck};
    CHECK(answers(c, kListContexts, contexts({})) == one);  // of everything
    CHECK(answers(c, kListContexts, contexts({"base:"})) == one);
    CHECK(answers(c, kListContexts, contexts({"base:allocation"})) == one);
    CHECK(answers(c, kListContexts, contexts({"base:other", "qemu:", ""})) == none);
    CHECK(answers(c, kSetContexts, contexts({"base:"})) == none);  // a wildcard lists only
    const std::vector<std::string_view> many(1000, "base:allocation");
    CHECK(answers(c, kSetContexts, contexts(many)) == one);  // told once
    CHECK(answers(c, kListContexts, contexts({"base:"})) == one);
    CHECK(block_status_works(c));  // what was listed since does not matter
  }
  {
    DialectClient c(server, ReplyStyle::structured);
    CHECK(answers(c, kSetContexts, contexts({"base:allocation"})).size() == 2);
    CHECK(answers(c, kSetContexts, contexts({})) == Types{kAck});  // in place of those before
    CHECK_FALSE(block_status_works(c));
  }
  {
    DialectClient c(server, ReplyStyle::structured);
    CHECK(answers(c, kSetContexts, contexts({"base:allocation"}, "other")).size() == 2);
    CHECK_FALSE(block_status_works(c));  // it was for another export
  }
  CHECK(server.stop().success());
}

TEST_CASE("ABORT is acknowledged and ends the connection") {
  TestServer server({"memory", "1M"});
  {
    DialectClient c(server, ReplyStyle::simple);
    CHECK(answers(c, 2) == Types{kAck});
    CHECK(c.is_hung_up());
  }
  CHECK(server.stop().success());
}

TEST_CASE("requests that were sent before DISC are answered before the end") {
  TestServer server({"--filter=delay", "memory", "1M", "rdelay=50ms"});
  {
    RawClient c(server);
    c.enter_transmission();
    for (int i = 0; i < 8; ++i) c.send(RawClient::request(Command::read, 0, 512));
    c.send(RawClient::request(Command::disc, 0, 0));
    c.send(RawClient::request(Command::read, 0, 512));  // nobody reads this
    for (int i = 0; i < 8; ++i) {
      CHECK(c.reply_error() == 0);
      c.receive(512);
    }
    CHECK(c.is_hung_up());
  }
  CHECK(server.stop().success());
}

TEST_CASE("command flags count where the document has a place for them") {
  TestServer server({"memory", "1M"});
  namespace cf = wire::command_flag;
  {
    RawClient c(server);
    c.enter_transmission();
    // FUA must be taken on all commands.
    CHECK(simple_error(c, Command::flush, 0, 0, cf::kFua) == 0);
    CHECK(simple_error(c, Command::trim, 0, 4096, cf::kFua) == 0);
    CHECK(simple_error(c, Command::cache, 0, 4096, cf::kFua) == 0);
    CHECK(simple_error(c, Command::write_zeroes, 0, 4096, cf::kFua | cf::kNoHole) == 0);
    CHECK(simple_error(c, Command::read, 0, 512, cf::kFua) == 0);
    c.receive(512);
    CHECK(simple_error(c, Command::read, 0, 512, cf::kDf) == kEinval);  // not offered
    CHECK(simple_error(c, Command::read, 0, 512, cf::kReqOne) == kEinval);
    CHECK(simple_error(c, Command::cache, 0, 0) == kEinval);
    CHECK(simple_error(c, Command::trim, 0, 0) == kEinval);
    CHECK(simple_error(c, Command::flush, 0, 4096) == kEinval);
  }
  {
    DialectClient c(server, ReplyStyle::structured);
    c.set_base_allocation();
    const uint16_t flags = c.go();
    CHECK((flags & wire::transmission_flag::kCanMultiConn) != 0);
    CHECK((flags & wire::transmission_flag::kSendDf) != 0);
    c.request(Command::write, 65536, 32768, 0, std::vector<std::byte>(32768, std::byte{1}));
    CHECK(c.receive(16).size() == 16);
    const auto descriptors = [&](uint16_t with) {
      c.request(Command::block_status, 0, 1 << 20, with);
      return (c.reply().front().payload.size() - 4) / 8;
    };
    CHECK(descriptors(0) == 3);
    CHECK(descriptors(cf::kReqOne) == 1);
  }
  CHECK(server.stop().success());
}

// A disk of 512-byte blocks that ends within one.
TEST_CASE("requests that are not whole blocks, or too many of them, are refused") {
  TestServer server({"eval", "get_size=echo $((1024 * 1024 + 100))", "block_size=echo 512 4K 64K",
                     "pread=head -c $3 /dev/zero", "pwrite=cat >/dev/null", "can_write=exit 0",
                     "trim=exit 0", "can_trim=exit 0"});
  {
    RawClient c(server);
    c.enter_transmission();
    const auto read = [&](uint64_t offset, uint32_t length) {
      const uint32_t error = simple_error(c, Command::read, offset, length);
      if (error == 0) c.receive(length);
      return error;
    };
    CHECK(read(0, 512) == 0);
    CHECK(read(512, 64 << 10) == 0);
    CHECK(read(1, 512) == kEinval);
    CHECK(read(512, 511) == kEinval);
    CHECK(read(0, (64 << 10) + 512) == kEinval);
    CHECK(read(1 << 20, 100) == 0);  // the last block, as far as it goes
    CHECK(read((1 << 20) + 1, 99) == kEinval);
    c.send(RawClient::request(Command::write, 0, 100000));
    c.send(std::vector<std::byte>(100000, std::byte{0x25}));
    CHECK(c.reply_error() == kEinval);
    CHECK(simple_error(c, Command::trim, 0, 1 << 20) == 0);  // no bytes go with it
    CHECK(simple_error(c, Command::trim, 256, 512) == kEinval);
    CHECK(read(0, 512) == 0);
  }
  CHECK(server.stop().success());
}

TEST_CASE("options of a client that is still negotiating when the server ends are refused") {
  TestServer server({std::string(PROBE_DIR) + "/probe-v2.so", "bad=shutdown"});
  DialectClient c(server, ReplyStyle::simple);
  wire::Writer all = RawClient::option(kInfoOption, 6);
  all.put(uint32_t{0}).put(uint16_t{0});
  for (const uint32_t number : {kList, uint32_t{2}}) {  // and ABORT is acknowledged still
    all.put(wire::kIHaveOpt).put(number).put(uint32_t{0});
  }
  c.send(all);  // at once, so that it has all come when the server ends
  CHECK(c.option_reply() == kInfo);
  CHECK(c.option_reply() == kAck);
  CHECK(c.option_reply() == kShutdown);
  CHECK(c.option_reply() == kAck);
  CHECK(c.is_hung_up());
  CHECK(server.stop().success());
}
