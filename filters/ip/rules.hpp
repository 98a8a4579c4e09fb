// SPDX-License-Identifier: BSD-3-Clause
//
// The rules of the ip filter: read from text, and matched with who connects.
// Nothing here asks the system anything.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nbdkit/error.hpp>

namespace nbd::filters {

enum class Family { unknown, ipv4, ipv6, local, vsock };

// An IPv4 address has 4 of the bytes.
using Address = std::array<uint8_t, 16>;

// What is known of a client. Numbers are there for the families that have them.
struct Peer {
  Family family = Family::unknown;
  Address address{};
  std::optional<uint64_t> pid, uid, gid, cid, port;
  std::optional<std::string> security;
  // Only after the handshake: before it nothing, then "" without a certificate.
  std::optional<std::string> dn, issuer_dn;
};

// An IPv4 client on a socket for both is "::ffff:1.2.3.4": to us it is IPv4.
void set_ip(Peer& peer, Family family, const Address& address);

struct Rule {
  enum class Kind { any, family, range, pid, uid, gid, cid, port, security, dn, issuer_dn };
  Kind kind = Kind::any;
  Family family = Family::unknown;  // family, range
  Address first{}, last{};          // range: both are in it
  uint64_t number = 0;
  std::string text;
};

enum class Match { no, yes, not_yet };  // not_yet: asks for what is not known before TLS
Match matches(const Rule& rule, const Peer& peer);

// "192.168.0.0/16,anyipv6": rules with commas between. Throws an Error that names
// key and rule. Empty text is no rule.
std::vector<Rule> parse_rules(std::string_view key, std::string_view text);

// The allow list decides first, then the deny list; who is in neither may come.
enum class Verdict { allowed, denied, not_yet };
Verdict judge(const std::vector<Rule>& allow, const std::vector<Rule>& deny, const Peer& peer);

}  // namespace nbd::filters
