// SPDX-License-Identifier: BSD-3-Clause
//
// Goal: nothing passes from plain text into TLS, and no client that breaks off,
// stalls or talks rubbish in the middle of TLS costs anybody else anything.
// Method: a real server with pre-shared keys (they need no other program) and a
// TLS client made of GnuTLS whose every byte the test controls; beside each
// misuse a client that was there before and one that comes after.
#include <gnutls/gnutls.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iterator>

#include "session/test-server.hpp"
#include "tls/handle.hpp"

namespace wire = nbd::wire;
using nbdkit::TlsHandle;
using nbdkit::test::RawClient;
using nbdkit::test::TestServer;
using wire::Command;

namespace {

constexpr uint64_t kDiskSize = 1 << 20;
constexpr const char* kKey = "6b657931206b657932206b657933206b";
constexpr const char* kPsk = ":+ECDHE-PSK:+DHE-PSK:+PSK";
constexpr uint32_t kStartTls = 5, kStructuredReply = 8;

// A server that requires TLS, unless told otherwise.
class Fixture {
 public:
  explicit Fixture(std::vector<std::string> more = {}, const std::string& mode = "require",
                   std::vector<std::string> plugin = {"memory", std::to_string(kDiskSize)}) {
    std::ofstream(dir_ / "keys") << "alice:" << kKey << "\n";
    more.insert(more.end(), {"--tls=" + mode, "--tls-psk=" + (dir_ / "keys")});
    more.insert(more.end(), plugin.begin(), plugin.end());
    server.emplace(more);
  }
  std::optional<TestServer> server;

 private:
  nbd::TempDir dir_{"nbdtest"};
};

// TLS over a RawClient, which the test may go on using beside it.
class TlsClient {
 public:
  struct Options {
    const char* priority = "NORMAL";
    const char* user = "alice";
    const char* key = kKey;
    size_t may_send = SIZE_MAX;  // bytes, after which sending fails
  };
  explicit TlsClient(RawClient& raw) : TlsClient(raw, Options{}) {}
  TlsClient(RawClient& raw, const Options& o) : raw_(raw), may_send_(o.may_send) {
    gnutls_psk_client_credentials_t credentials = nullptr;
    REQUIRE(gnutls_psk_allocate_client_credentials(&credentials) == 0);
    credentials_.reset(credentials);
    const gnutls_datum_t key{
        const_cast<unsigned char*>(reinterpret_cast<const unsigned char*>(o.key)),
        static_cast<unsigned>(std::strlen(o.key))};
    REQUIRE(gnutls_psk_set_client_credentials(credentials, o.user, &key, GNUTLS_PSK_KEY_HEX) == 0);
    gnutls_session_t s = nullptr;
    REQUIRE(gnutls_init(&s, GNUTLS_CLIENT) == 0);
    session_.reset(s);
    REQUIRE(gnutls_priority_set_direct(s, (std::string(o.priority) + kPsk).c_str(), nullptr) == 0);
    REQUIRE(gnutls_credentials_set(s, GNUTLS_CRD_PSK, credentials) == 0);
    gnutls_transport_set_ptr(s, this);
    gnutls_transport_set_push_function(s, push);
    gnutls_transport_set_pull_function(s, pull);
    gnutls_transport_set_pull_timeout_function(s, wait);
    gnutls_handshake_set_timeout(s, 20000);
  }

  int handshake() {
    int code = 0;
    do {
      code = gnutls_handshake(session_.get());
    } while (code < 0 && gnutls_error_is_fatal(code) == 0);
    return code;
  }
  size_t sent() const { return sent_; }
  gnutls_session_t session() { return session_.get(); }

  void send(wire::Bytes bytes) {
    while (!bytes.empty()) {
      const ssize_t n = gnutls_record_send(session_.get(), bytes.data(), bytes.size());
      if (n < 0 && gnutls_error_is_fatal(static_cast<int>(n)) != 0) {
        nbd::fail("cannot send: {}", gnutls_strerror(static_cast<int>(n)));
      }
      if (n > 0) bytes = bytes.subspan(static_cast<size_t>(n));
    }
  }
  void send(const wire::Writer& w) { send(w.bytes()); }
  std::vector<std::byte> receive(size_t count) {
    std::vector<std::byte> out(count);
    for (size_t got = 0; got < count;) {
      const ssize_t n = gnutls_record_recv(session_.get(), out.data() + got, count - got);
      if (n == 0) nbd::fail("the server closed TLS after {} of {} bytes", got, count);
      if (n < 0 && gnutls_error_is_fatal(static_cast<int>(n)) != 0) {
        nbd::fail("cannot receive: {}", gnutls_strerror(static_cast<int>(n)));
      }
      if (n > 0) got += static_cast<size_t>(n);
    }
    return out;
  }
  // What the server says to an option.
  wire::OptionReply reply_to(uint32_t option, std::string_view data = {}) {
    send(RawClient::option(option, static_cast<uint32_t>(data.size()), data));
    const auto header = receive(20);
    receive(wire::load<uint32_t>(header.data() + 16));
    return static_cast<wire::OptionReply>(wire::load<uint32_t>(header.data() + 12));
  }
  void enter_transmission() {
    send(RawClient::option(1, 0));
    REQUIRE(wire::load<uint64_t>(receive(10).data()) == kDiskSize);
  }
  void check_is_served() {
    send(RawClient::request(Command::read, 4096, 512));
    const auto reply = receive(wire::kSimpleReplySize);
    CHECK(wire::load<uint32_t>(reply.data()) == wire::kSimpleReplyMagic);
    CHECK(wire::load<uint32_t>(reply.data() + 4) == 0);
    CHECK(receive(512) == std::vector<std::byte>(512));
  }

 private:
  static ssize_t push(gnutls_transport_ptr_t p, const void* data, size_t size) {
    auto& self = *static_cast<TlsClient*>(p);
    const size_t n = std::min(size, self.may_send_ - self.sent_);
    self.raw_.send({static_cast<const std::byte*>(data), n});
    self.sent_ += n;
    if (n == size) return static_cast<ssize_t>(n);
    errno = EPIPE;
    return -1;
  }
  static ssize_t pull(gnutls_transport_ptr_t p, void* data, size_t size) {
    if (wait(p, 20000) <= 0) return -1;
    return ::recv(static_cast<TlsClient*>(p)->raw_.fd(), data, size, 0);
  }
  static int wait(gnutls_transport_ptr_t p, unsigned ms) {
    pollfd f{static_cast<TlsClient*>(p)->raw_.fd(), POLLIN, 0};
    return ::poll(&f, 1, static_cast<int>(std::min(ms, 20000U)));
  }

  RawClient& raw_;
  size_t may_send_, sent_ = 0;
  TlsHandle<gnutls_psk_client_credentials_t, gnutls_psk_free_client_credentials> credentials_;
  nbdkit::TlsSession session_;
};

// The type of the reply to an option in plain text.
wire::OptionReply plain_reply_to(RawClient& c, uint32_t option, std::string_view data = {}) {
  c.send(RawClient::option(option, static_cast<uint32_t>(data.size()), data));
  const auto header = c.receive(20);
  REQUIRE(wire::load<uint32_t>(header.data() + 8) == option);
  c.receive(wire::load<uint32_t>(header.data() + 16));
  return static_cast<wire::OptionReply>(wire::load<uint32_t>(header.data() + 12));
}

void start_tls(RawClient& c) {
  c.greet();
  REQUIRE(plain_reply_to(c, kStartTls) == wire::OptionReply::ack);
}

// A client that does as it should, in transmission.
struct GoodClient {
  explicit GoodClient(const TestServer& server, const TlsClient::Options& options = {})
      : raw(server), tls(raw, options) {
    start_tls(raw);
    REQUIRE(tls.handshake() == 0);
    tls.enter_transmission();
    tls.check_is_served();
  }
  RawClient raw;
  TlsClient tls;
};

void attack(const std::function<void(RawClient&)>& body, std::vector<std::string> more = {}) {
  Fixture f(std::move(more));
  GoodClient before(*f.server);
  {
    RawClient attacker(*f.server);
    body(attacker);
    before.tls.check_is_served();
    GoodClient after(*f.server);
  }
  before.tls.check_is_served();
  CHECK(f.server->stop().describe() == "exit status 0");
}

constexpr const char* kVersions[] = {"NORMAL:-VERS-ALL:+VERS-TLS1.2",
                                     "NORMAL:-VERS-ALL:+VERS-TLS1.3"};

}  // namespace

using enum wire::OptionReply;

TEST_CASE("with --tls=require no option but STARTTLS and ABORT is served in plain text") {
  attack([](RawClient& c) {
    c.greet();
    for (const uint32_t option : {3U, 6U, 7U, 8U, 9U, 10U, 99U}) {
      CAPTURE(option);
      CHECK(plain_reply_to(c, option, "data") == err_tls_reqd);
    }
    CHECK(plain_reply_to(c, 7, std::string(100000, 'x')) == err_tls_reqd);
    CHECK(plain_reply_to(c, 2) == ack);
    CHECK(c.is_hung_up());
  });
}

TEST_CASE("with --tls=require NBD_OPT_EXPORT_NAME in plain text ends the connection") {
  SECTION("with fixed newstyle") {
    attack([](RawClient& c) {
      c.greet();
      c.send(RawClient::option(1, 0));
      CHECK(c.is_hung_up());
    });
  }
  SECTION("without it") {
    attack([](RawClient& c) {
      c.greet(0);
      c.send(RawClient::option(1, 0));
      CHECK(c.is_hung_up());
    });
  }
}

TEST_CASE("with --tls=on a client may do without TLS, or start it whenever it likes") {
  Fixture f({}, "on");
  RawClient plain(*f.server);
  CHECK(plain.enter_transmission() == kDiskSize);
  RawClient late(*f.server);
  late.greet();
  CHECK(plain_reply_to(late, 3) == server);  // LIST; its ack is still to come
  late.receive(20);
  CHECK(plain_reply_to(late, kStartTls, "data") == err_invalid);
  CHECK(plain_reply_to(late, kStartTls) == ack);
  TlsClient tls(late);
  CHECK(tls.handshake() == 0);
  tls.enter_transmission();
  tls.check_is_served();
}

TEST_CASE("with --tls=off STARTTLS is refused as a matter of policy and plain text goes on") {
  Fixture f({}, "off");
  RawClient c(*f.server);
  c.greet();
  CHECK(plain_reply_to(c, kStartTls) == err_policy);
  c.send(RawClient::option(1, 0));
  CHECK(wire::load<uint64_t>(c.receive(10).data()) == kDiskSize);
}

TEST_CASE("TLS cannot be started twice") {
  attack([](RawClient& c) {
    start_tls(c);
    TlsClient tls(c);
    REQUIRE(tls.handshake() == 0);
    CHECK(tls.reply_to(kStartTls) == err_invalid);
    tls.enter_transmission();
    tls.check_is_served();
  });
}

TEST_CASE("bytes in plain text behind STARTTLS are never taken for the client's own") {
  SECTION("in the same packet: the connection ends without a reply") {
    attack([](RawClient& c) {
      c.greet();
      wire::Writer w = RawClient::option(kStartTls, 0);
      w.put(wire::kIHaveOpt).put(kStructuredReply).put(uint32_t{0});
      c.send(w);
      CHECK_THROWS_WITH(c.receive(1), "the server hung up after 0 of 1 bytes");
    });
  }
  SECTION("even a ClientHello that is in too much of a hurry") {
    attack([](RawClient& c) {
      c.greet();
      wire::Writer w = RawClient::option(kStartTls, 0);
      w.put(std::string_view("\x16\x03\x01\x02\x00", 5));
      c.send(w);
      CHECK(c.is_hung_up());
    });
  }
  SECTION("after the reply: TLS refuses them, and no option is answered") {
    attack([](RawClient& c) {
      start_tls(c);
      c.send(RawClient::option(3, 0));
      c.half_close();
      std::byte answer[64];
      size_t got = 0;
      while (true) {  // an alert at most: 7 bytes
        const ssize_t n = ::recv(c.fd(), answer + got, sizeof answer - got, 0);
        if (n <= 0) break;
        got += static_cast<size_t>(n);
      }
      CHECK(got <= 7);
    });
  }
}

TEST_CASE("what was negotiated before TLS is forgotten") {
  for (const char* version : kVersions) {
    CAPTURE(version);
    Fixture f({}, "on");
    RawClient c(*f.server);
    c.greet();
    REQUIRE(plain_reply_to(c, kStructuredReply) == ack);
    REQUIRE(plain_reply_to(c, kStartTls) == ack);
    TlsClient tls(c, {.priority = version});
    REQUIRE(tls.handshake() == 0);
    SECTION(std::string("so replies are simple again, ") + version) {
      tls.enter_transmission();
      tls.check_is_served();  // which wants a simple reply
    }
    SECTION(std::string("so it can be negotiated, ") + version) {
      CHECK(tls.reply_to(kStructuredReply) == ack);
      CHECK(tls.reply_to(kStructuredReply) == err_invalid);
    }
  }
}

TEST_CASE("a client that vanishes at any byte of the handshake is no loss") {
  for (const char* version : kVersions) {
    CAPTURE(version);
    Fixture f;
    GoodClient before(*f.server, {.priority = version});
    RawClient whole(*f.server);
    start_tls(whole);
    TlsClient measure(whole, {.priority = version});
    REQUIRE(measure.handshake() == 0);
    REQUIRE(measure.sent() > 100);
    for (size_t bytes = 0; bytes < measure.sent(); bytes += 1 + measure.sent() / 20) {
      CAPTURE(bytes);
      RawClient c(*f.server);
      start_tls(c);
      TlsClient tls(c, {.priority = version, .may_send = bytes});
      CHECK(tls.handshake() != 0);
    }
    before.tls.check_is_served();
    GoodClient after(*f.server, {.priority = version});
    CHECK(f.server->stop().describe() == "exit status 0");
  }
}

TEST_CASE("rubbish in place of TLS costs its sender alone") {
  SECTION("instead of a ClientHello") {
    attack([](RawClient& c) {
      start_tls(c);
      c.send(std::vector<std::byte>(100000, std::byte{0x42}));
      CHECK(c.is_hung_up());
    });
  }
  SECTION("behind the handshake") {
    attack([](RawClient& c) {
      start_tls(c);
      TlsClient tls(c);
      REQUIRE(tls.handshake() == 0);
      tls.enter_transmission();
      c.send(wire::Writer().put(std::string_view("\x17\x03\x03\x00\x40", 5)));
      c.send(std::vector<std::byte>(64, std::byte{0x42}));
      CHECK(c.is_hung_up());
    });
  }
}

TEST_CASE("a wrong key and an unknown user are told nothing but that it failed") {
  for (const char* version : kVersions) {
    CAPTURE(version);
    int codes[2];
    int* code = codes;
    for (const auto& [user, key] : {std::pair("alice", "00112233"), std::pair("mallory", kKey)}) {
      attack([&, u = user, k = key](RawClient& c) {
        start_tls(c);
        TlsClient tls(c, {.priority = version, .user = u, .key = k});
        *code = tls.handshake();
        if (*code == 0) {  // TLS 1.2 may say it with the next record
          CHECK_THROWS(tls.receive(1));
        }
      });
      ++code;
    }
    CHECK(codes[0] == codes[1]);
  }
}

TEST_CASE("a client that stalls before the first request is cut off when its time is up") {
  const std::vector<std::string> soon{"--timeout=1"};
  SECTION("silent from the start") {
    attack([](RawClient& c) { CHECK(c.is_hung_up()); }, soon);
  }
  SECTION("in the middle of an option") {
    attack(
        [](RawClient& c) {
          c.greet();
          c.send(wire::Writer().put(wire::kIHaveOpt));
          CHECK(c.is_hung_up());
        },
        soon);
  }
  SECTION("before its ClientHello") {
    attack(
        [](RawClient& c) {
          start_tls(c);
          CHECK(c.is_hung_up());
        },
        soon);
  }
  SECTION("in the middle of its ClientHello") {
    attack(
        [](RawClient& c) {
          start_tls(c);
          TlsClient(c, {.may_send = 50}).handshake();
          CHECK(c.is_hung_up());
        },
        soon);
  }
  SECTION("after the TLS handshake") {
    attack(
        [](RawClient& c) {
          start_tls(c);
          TlsClient tls(c);
          REQUIRE(tls.handshake() == 0);
          CHECK(c.is_hung_up());
        },
        soon);
  }
}

TEST_CASE("the time of the handshake ends with it, and a slow plugin does not count") {
  Fixture f({"--filter=delay", "--timeout=1"}, "require",
            {"memory", std::to_string(kDiskSize), "delay-open=1500ms", "rdelay=1500ms"});
  RawClient c(*f.server);
  start_tls(c);
  TlsClient tls(c);
  REQUIRE(tls.handshake() == 0);
  CHECK(tls.reply_to(6, std::string(6, '\0')) == info);  // INFO ""; its ack is still to come
  tls.receive(20);
  tls.enter_transmission();
  tls.check_is_served();
}

TEST_CASE("keys may change while data goes both ways") {
  Fixture f({"--filter=delay"}, "require", {"pattern", std::to_string(kDiskSize), "rdelay=1ms"});
  RawClient c(*f.server);
  start_tls(c);
  TlsClient tls(c, {.priority = kVersions[1]});
  REQUIRE(tls.handshake() == 0);
  tls.enter_transmission();
  constexpr uint32_t kLength = 64 << 10;
  constexpr int kBatch = 16;
  const auto ask = [&] {
    for (int i = 0; i < kBatch; ++i) tls.send(RawClient::request(Command::read, 0, kLength));
  };
  ask();
  for (int round = 0; round < 6; ++round) {  // GnuTLS takes 8 in a second for an attack
    CAPTURE(round);
    REQUIRE(gnutls_session_key_update(tls.session(), GNUTLS_KU_PEER) == 0);
    ask();  // while workers send the replies to the batch before
    for (int i = 0; i < kBatch; ++i) {
      REQUIRE(wire::load<uint32_t>(tls.receive(wire::kSimpleReplySize).data() + 4) == 0);
      const auto data = tls.receive(kLength);
      for (uint32_t at = 0; at < kLength; at += 8) {
        if (wire::load<uint64_t>(data.data() + at) != at) FAIL("wrong data at " << at);
      }
    }
  }
}

TEST_CASE("renegotiation of TLS 1.2 is refused") {
  attack([](RawClient& c) {
    start_tls(c);
    TlsClient tls(c, {.priority = kVersions[0]});
    REQUIRE(tls.handshake() == 0);
    tls.enter_transmission();
    tls.check_is_served();
    CHECK(tls.handshake() != 0);
  });
}

TEST_CASE("the end of a connection is said in TLS as well") {
  for (const char* version : kVersions) {
    CAPTURE(version);
    Fixture f;
    GoodClient c(*f.server, {.priority = version});
    c.tls.send(RawClient::request(Command::disc, 0, 0));
    CHECK_THROWS_WITH(c.tls.receive(1), "the server closed TLS after 0 of 1 bytes");
  }
}

TEST_CASE("a client of TLS that never reads does not keep the server from ending") {
  Fixture f;
  GoodClient c(*f.server);
  for (int i = 0; i < 64; ++i) c.tls.send(RawClient::request(Command::read, 0, kDiskSize));
  CHECK(f.server->stop().describe() == "exit status 0");
}
