// SPDX-License-Identifier: BSD-3-Clause
#include "ip/rules.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <climits>

#include "base/parse.hpp"

namespace nbd::filters {

namespace {

// Throws the Error for a rule that is none.
struct Complaint {
  std::string_view key, rule;
  [[noreturn]] void operator()(const std::string& why) const {
    throw Error(std::string(key) + ": \"" + std::string(rule) + "\" is no rule: " + why);
  }
};

struct Word {
  std::string_view word;
  Rule::Kind kind;
  Family family = Family::unknown;
};
constexpr Word kWords[] = {
    {"all", Rule::Kind::any},
    {"any", Rule::Kind::any},
    {"allipv4", Rule::Kind::family, Family::ipv4},
    {"anyipv4", Rule::Kind::family, Family::ipv4},
    {"allipv6", Rule::Kind::family, Family::ipv6},
    {"anyipv6", Rule::Kind::family, Family::ipv6},
    {"allunix", Rule::Kind::family, Family::local},
    {"anyunix", Rule::Kind::family, Family::local},
    {"allvsock", Rule::Kind::family, Family::vsock},
    {"anyvsock", Rule::Kind::family, Family::vsock},
};

struct Numbered {
  std::string_view prefix;
  Rule::Kind kind;
  uint64_t least, most;
};
constexpr Numbered kNumbered[] = {
    {"pid:", Rule::Kind::pid, 1, INT_MAX},
    {"uid:", Rule::Kind::uid, 0, UINT32_MAX},
    {"gid:", Rule::Kind::gid, 0, UINT32_MAX},
    {"vsock-cid:", Rule::Kind::cid, 0, UINT32_MAX},
    {"vsock-port:", Rule::Kind::port, 0, UINT32_MAX},
};

struct Texted {
  std::string_view prefix;
  Rule::Kind kind;
  bool takes_commas;  // and so all that follows
};
constexpr Texted kTexted[] = {
    {"security:", Rule::Kind::security, false},
    {"dn:", Rule::Kind::dn, true},
    {"issuer-dn:", Rule::Kind::issuer_dn, true},
};

// 4 or 16, or 0 if it is no address.
size_t parse_address(std::string_view text, Address& out) {
  const std::string copy(text);
  if (copy.find('\0') != std::string::npos) return 0;
  if (::inet_pton(AF_INET, copy.c_str(), out.data()) == 1) return 4;
  if (::inet_pton(AF_INET6, copy.c_str(), out.data()) == 1) return 16;
  return 0;
}

Rule range_rule(size_t bytes, const Address& first, const Address& last) {
  Rule rule;
  rule.kind = Rule::Kind::range;
  rule.family = bytes == 4 ? Family::ipv4 : Family::ipv6;
  rule.first = first;
  rule.last = last;
  return rule;
}

Rule parse_prefix(std::string_view text, size_t slash, const Complaint& complain) {
  Address first{};
  const size_t bytes = parse_address(text.substr(0, slash), first);
  if (bytes == 0) complain("what stands before the slash is no address");
  const std::string_view bits_text = text.substr(slash + 1);
  const bool digits =
      !bits_text.empty() && bits_text.size() <= 3 &&
      std::all_of(bits_text.begin(), bits_text.end(), [](char c) { return c >= '0' && c <= '9'; });
  const size_t bits = digits ? std::stoul(std::string(bits_text)) : SIZE_MAX;
  if (bits > bytes * 8) {
    complain("behind the slash a number of bits from 0 to " + std::to_string(bytes * 8) +
             " is expected");
  }
  Address last = first;
  for (size_t i = 0; i < bytes; ++i) {
    const size_t fixed = std::min<size_t>(8, bits > 8 * i ? bits - 8 * i : 0);
    const auto free = static_cast<uint8_t>(0xff >> fixed);
    first[i] = static_cast<uint8_t>(first[i] & ~free);
    last[i] |= free;
  }
  return range_rule(bytes, first, last);
}

Rule parse_range(std::string_view text, size_t dash, const Complaint& complain) {
  Address first{}, last{};
  const size_t bytes = parse_address(text.substr(0, dash), first);
  if (bytes == 0) complain("what stands before the dash is no address");
  if (parse_address(text.substr(dash + 1), last) != bytes) {
    complain("what stands behind the dash is no address of the same kind");
  }
  if (last < first) complain("the range ends before it begins");
  return range_rule(bytes, first, last);
}

Rule parse_ip_rule(std::string_view text, const Complaint& complain) {
  if (const size_t slash = text.find('/'); slash != std::string_view::npos) {
    return parse_prefix(text, slash, complain);
  }
  if (const size_t dash = text.find('-'); dash != std::string_view::npos) {
    return parse_range(text, dash, complain);
  }
  Address address{};
  const size_t bytes = parse_address(text, address);
  if (bytes == 0) complain("it is neither a known word nor an address");
  return range_rule(bytes, address, address);
}

Rule parse_rule(std::string_view key, std::string_view text) {
  const Complaint complain{key, text};
  if (text.empty()) throw Error(std::string(key) + ": there is an empty rule between commas");
  Rule rule;
  for (const Word& w : kWords) {
    if (text != w.word) continue;
    rule.kind = w.kind;
    rule.family = w.family;
    return rule;
  }
  for (const Numbered& n : kNumbered) {
    if (!text.starts_with(n.prefix)) continue;
    rule.kind = n.kind;
    rule.number = parse_unsigned(std::string(key) + "=" + std::string(n.prefix),
                                 text.substr(n.prefix.size()), n.most);
    if (rule.number < n.least) complain("numbers begin at " + std::to_string(n.least));
    return rule;
  }
  for (const Texted& t : kTexted) {
    if (!text.starts_with(t.prefix)) continue;
    rule.kind = t.kind;
    rule.text = text.substr(t.prefix.size());
    if (rule.text.empty()) complain("nothing stands behind the colon");
    return rule;
  }
  return parse_ip_rule(text, complain);
}

bool takes_commas(std::string_view text) {
  return std::any_of(std::begin(kTexted), std::end(kTexted),
                     [&](const Texted& t) { return t.takes_commas && text.starts_with(t.prefix); });
}

Match match(bool yes) { return yes ? Match::yes : Match::no; }

Match match_name(const std::optional<std::string>& name, const std::string& wanted) {
  return name ? match(*name == wanted) : Match::not_yet;
}

// The first list that has the client, or might have it once more is known.
Match any_of(const std::vector<Rule>& rules, const Peer& peer) {
  Match out = Match::no;
  for (const Rule& rule : rules) {
    const Match m = matches(rule, peer);
    if (m == Match::yes) return m;
    if (m == Match::not_yet) out = m;
  }
  return out;
}

}  // namespace

void set_ip(Peer& peer, Family family, const Address& address) {
  constexpr std::array<uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  peer.family = family;
  peer.address = address;
  if (family != Family::ipv6 || !std::equal(kMapped.begin(), kMapped.end(), address.begin())) {
    return;
  }
  peer.family = Family::ipv4;
  peer.address = {};
  std::copy_n(address.begin() + kMapped.size(), 4, peer.address.begin());
}

Match matches(const Rule& rule, const Peer& peer) {
  switch (rule.kind) {
    case Rule::Kind::any: return Match::yes;
    case Rule::Kind::family: return match(peer.family == rule.family);
    case Rule::Kind::range:
      return match(peer.family == rule.family && rule.first <= peer.address &&
                   peer.address <= rule.last);
    case Rule::Kind::pid: return match(peer.pid == rule.number);
    case Rule::Kind::uid: return match(peer.uid == rule.number);
    case Rule::Kind::gid: return match(peer.gid == rule.number);
    case Rule::Kind::cid: return match(peer.cid == rule.number);
    case Rule::Kind::port: return match(peer.port == rule.number);
    case Rule::Kind::security: return match(peer.security == rule.text);
    case Rule::Kind::dn: return match_name(peer.dn, rule.text);
    case Rule::Kind::issuer_dn: return match_name(peer.issuer_dn, rule.text);
  }
  return Match::no;
}

std::vector<Rule> parse_rules(std::string_view key, std::string_view text) {
  std::vector<Rule> rules;
  for (bool more = !text.empty(); more;) {
    const size_t comma = takes_commas(text) ? std::string_view::npos : text.find(',');
    rules.push_back(parse_rule(key, text.substr(0, comma)));
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
  }
  return rules;
}

Verdict judge(const std::vector<Rule>& allow, const std::vector<Rule>& deny, const Peer& peer) {
  const Match allowed = any_of(allow, peer);
  if (allowed == Match::yes) return Verdict::allowed;
  const Match denied = any_of(deny, peer);
  if (denied == Match::no) return Verdict::allowed;
  if (allowed == Match::not_yet || denied == Match::not_yet) return Verdict::not_yet;
  return Verdict::denied;
}

}  // namespace nbd::filters
