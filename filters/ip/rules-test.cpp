// SPDX-License-Identifier: BSD-3-Clause
#include "ip/rules.hpp"

#include <arpa/inet.h>

#include <catch2/catch.hpp>

using namespace nbd::filters;  // a test's own file
using Catch::Matchers::Contains;

namespace {

Peer at(const char* text) {
  Peer peer;
  Address address{};
  const bool ipv4 = ::inet_pton(AF_INET, text, address.data()) == 1;
  if (!ipv4) REQUIRE(::inet_pton(AF_INET6, text, address.data()) == 1);
  set_ip(peer, ipv4 ? Family::ipv4 : Family::ipv6, address);
  return peer;
}
Peer local(uint64_t pid, uint64_t uid, uint64_t gid) {
  Peer peer;
  peer.family = Family::local;
  peer.pid = pid;
  peer.uid = uid;
  peer.gid = gid;
  return peer;
}
bool in(const Peer& peer, const char* rules) {
  const auto list = parse_rules("allow", rules);
  return judge({}, list, peer) == Verdict::denied;
}

}  // namespace

TEST_CASE("an address is in its range and not beside it") {
  CHECK(in(at("10.1.2.3"), "10.1.2.3"));
  CHECK_FALSE(in(at("10.1.2.4"), "10.1.2.3"));
  CHECK(in(at("10.255.255.255"), "10.1.2.3/8"));
  CHECK_FALSE(in(at("11.0.0.0"), "10.1.2.3/8"));
  CHECK(in(at("192.168.7.129"), "192.168.7.128/25"));
  CHECK_FALSE(in(at("192.168.7.127"), "192.168.7.128/25"));
  CHECK(in(at("1.2.3.4"), "0.0.0.0/0"));
  CHECK(in(at("1.2.3.4"), "1.2.3.4/32"));
  CHECK_FALSE(in(at("::1"), "0.0.0.0/0"));
  CHECK(in(at("1.2.3.4"), "1.2.3.4-1.2.4.1"));
  CHECK(in(at("1.2.4.1"), "1.2.3.4-1.2.4.1"));
  CHECK_FALSE(in(at("1.2.4.2"), "1.2.3.4-1.2.4.1"));
  CHECK_FALSE(in(at("1.2.3.3"), "1.2.3.4-1.2.4.1"));
  CHECK(in(at("fe80::ffff"), "fe80::/10"));
  CHECK_FALSE(in(at("fec0::"), "fe80::/10"));
  CHECK(in(at("::2"), "::1-::3"));
  CHECK(in(at("2001:db8::1"), "::/0"));
}

TEST_CASE("an IPv4 client on an IPv6 socket is an IPv4 client") {
  CHECK(in(at("::ffff:10.1.2.3"), "10.0.0.0/8"));
  CHECK(in(at("::ffff:10.1.2.3"), "anyipv4"));
  CHECK_FALSE(in(at("::ffff:10.1.2.3"), "anyipv6"));
}

TEST_CASE("words, processes, users, and machines") {
  for (const char* any : {"any", "all"}) {
    CHECK(in(at("::1"), any));
    CHECK(in(Peer{}, any));
  }
  CHECK(in(at("::1"), "anyipv6"));
  CHECK(in(at("::1"), "pid:7,allipv6"));
  CHECK_FALSE(in(at("1.1.1.1"), "anyipv6,anyunix,anyvsock"));
  CHECK(in(local(7, 8, 9), "anyunix"));
  CHECK(in(local(7, 8, 9), "pid:7"));
  CHECK(in(local(7, 8, 9), "uid:8"));
  CHECK(in(local(7, 8, 9), "gid:9"));
  CHECK_FALSE(in(local(7, 8, 9), "pid:8,uid:9,gid:7,1.2.3.4"));
  CHECK_FALSE(in(at("1.2.3.4"), "uid:0"));
  Peer vm;
  vm.family = Family::vsock;
  vm.cid = 3;
  vm.port = 4;
  CHECK(in(vm, "vsock-cid:3"));
  CHECK(in(vm, "vsock-port:4"));
  CHECK_FALSE(in(vm, "vsock-cid:4,vsock-port:3"));
  CHECK(in(vm, "allvsock"));
  Peer labelled = local(1, 1, 1);
  labelled.security = "system_u:system_r:nbd_t:s0";
  CHECK(in(labelled, "security:system_u:system_r:nbd_t:s0"));
  CHECK_FALSE(in(labelled, "security:system_u"));
}

TEST_CASE("the allow list comes before the deny list") {
  const auto allow = parse_rules("allow", "127.0.0.1,::1"), deny = parse_rules("deny", "all");
  CHECK(judge(allow, deny, at("127.0.0.1")) == Verdict::allowed);
  CHECK(judge(allow, deny, at("127.0.0.2")) == Verdict::denied);
  CHECK(judge(allow, {}, at("127.0.0.2")) == Verdict::allowed);
  CHECK(judge({}, {}, at("127.0.0.2")) == Verdict::allowed);
}

TEST_CASE("names of certificates have commas, and are not known before the handshake") {
  const auto allow = parse_rules("allow", "10.0.0.1,dn:CN=client,O=Big, Co");
  REQUIRE(allow.size() == 2);
  CHECK(allow[1].text == "CN=client,O=Big, Co");
  const auto deny = parse_rules("deny", "any");
  Peer peer = at("10.0.0.2");
  CHECK(judge(allow, deny, at("10.0.0.1")) == Verdict::allowed);
  CHECK(judge(allow, deny, peer) == Verdict::not_yet);
  CHECK(judge(allow, parse_rules("deny", "anyipv6"), peer) == Verdict::allowed);
  peer.dn = peer.issuer_dn = "";
  CHECK(judge(allow, deny, peer) == Verdict::denied);
  peer.dn = "CN=client,O=Big, Co";
  CHECK(judge(allow, deny, peer) == Verdict::allowed);
  const auto bad_issuer = parse_rules("deny", "issuer-dn:CN=Mallory");
  CHECK(judge({}, bad_issuer, at("::1")) == Verdict::not_yet);
  peer.issuer_dn = "CN=Mallory";
  CHECK(judge({}, bad_issuer, peer) == Verdict::denied);
}

TEST_CASE("what is no rule is named") {
  CHECK(parse_rules("allow", "").empty());
  for (const char* bad : {"foo",         "1.2.3",
                          "1.2.3.4.5",   "1.2.3.256",
                          "01.2.3.4x",   "1.2.3.4/33",
                          "1.2.3.4/",    "1.2.3.4/-1",
                          "1.2.3.4/0x8", "1.2.3.4/00000000008",
                          "x/8",         "::1/129",
                          "fe80::1%lo",  "1.2.3.4-",
                          "1.2.3.4-::1", "1.2.3.4-1.2.3.3",
                          "-1.2.3.4",    "pid:0",
                          "security:",   "dn:",
                          "issuer-dn:",  "ANY",
                          " any",        "any "}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH(parse_rules("deny", bad),
                      Contains("deny: \"" + std::string(bad) + "\" is no rule"));
  }
  for (const char* bad : {"pid:x", "pid:", "uid:-1", "gid:4294967296", "vsock-cid:99999999999",
                          "vsock-port:1 2", "pid:2147483648"}) {
    CAPTURE(bad);
    CHECK_THROWS_WITH(parse_rules("deny", bad), Contains("deny="));
  }
  for (const char* bad : {",", ",any", "any,", "any,,any"}) {
    CHECK_THROWS_WITH(parse_rules("deny", bad), Contains("deny: there is an empty rule"));
  }
  CHECK_THROWS(parse_rules("deny", std::string_view("1.2.3.4\0x", 9)));
}
