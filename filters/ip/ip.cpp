// SPDX-License-Identifier: BSD-3-Clause
//
// ip: who may connect, by address, process, user, label or certificate.
//
// A client is judged when it connects. Rules that look at its certificate have to
// wait for TLS: such a client is judged again when it asks for a list of exports,
// for the default export or for a disk, and before that it gets nothing.
//
// Threads: rules are fixed before the first client.
#include <nbdkit/filter.hpp>

#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "ip/rules.hpp"

namespace {

using nbd::filters::Family;
using nbd::filters::Peer;
using nbd::filters::Rule;
using nbd::filters::Verdict;

// The text of a function that returns what has to be freed; nothing if it failed.
std::optional<std::string> taken(char* text) {
  if (text == nullptr) return std::nullopt;
  std::string out = text;
  ::free(text);
  return out;
}

std::optional<uint64_t> number(int64_t value) {
  if (value < 0) return std::nullopt;
  return static_cast<uint64_t>(value);
}

class Ip {
 public:
  static constexpr auto name = "ip";
  static constexpr auto longname = "nbdkit ip filter";
  static constexpr auto description = "Say who may connect";
  static constexpr auto help =
      "allow=<RULE>[,<RULE>...]      these clients may connect, whatever deny says\n"
      "deny=<RULE>[,<RULE>...]       these may not; all others may\n"
      "                              a rule: any, anyipv4, anyipv6, anyunix, anyvsock, ADDRESS,\n"
      "                              ADDRESS/BITS, ADDRESS-ADDRESS, pid:N, uid:N, gid:N,\n"
      "                              vsock-cid:N, vsock-port:N, security:LABEL, dn:NAME,\n"
      "                              issuer-dn:NAME (both with all that follows)";

  bool config(std::string_view key, std::string_view value) {
    if (key != "allow" && key != "deny") return false;
    std::vector<Rule>& list = key == "allow" ? allow_ : deny_;
    for (Rule& rule : nbd::filters::parse_rules(key, value)) list.push_back(std::move(rule));
    return true;
  }

  void preconnect(bool) const { refuse_unless(false); }
  void open(nbd::OpenRequest&) const { refuse_unless(true); }
  std::vector<nbd::ExportItem> list_exports_below(nbd::Layer& below, bool read_only,
                                                  bool tls) const {
    refuse_unless(true);
    return below.list_exports(read_only, tls);
  }
  std::string default_export(nbd::Layer& below, bool read_only, bool tls) const {
    refuse_unless(true);
    return below.default_export(read_only, tls);
  }

 private:
  bool asks_for(Rule::Kind kind) const {
    const auto is_kind = [kind](const Rule& rule) { return rule.kind == kind; };
    return std::any_of(allow_.begin(), allow_.end(), is_kind) ||
           std::any_of(deny_.begin(), deny_.end(), is_kind);
  }

  void refuse_unless(bool handshake_is_over) const {
    if (deny_.empty()) return;
    Peer peer = peer_of_client();
    if (handshake_is_over) {
      peer.dn = taken(nbdkit_peer_tls_dn()).value_or("");
      peer.issuer_dn = taken(nbdkit_peer_tls_issuer_dn()).value_or("");
    }
    if (judge(allow_, deny_, peer) != Verdict::denied) return;
    throw nbd::Error(EPERM, "ip: the client is not permitted to connect");
  }

  // Without a socket (a client on stdin) only "any" matches.
  Peer peer_of_client() const {
    Peer peer;
    sockaddr_storage storage{};
    socklen_t size = sizeof storage;
    if (nbdkit_peer_name(reinterpret_cast<sockaddr*>(&storage), &size) == -1) return peer;
    switch (storage.ss_family) {
      case AF_INET: read_ipv4(storage, peer); break;
      case AF_INET6: read_ipv6(storage, peer); break;
      case AF_UNIX: read_local(peer); break;
      case AF_VSOCK: read_vsock(storage, peer); break;
      default: break;
    }
    return peer;
  }
  static void read_ipv4(const sockaddr_storage& storage, Peer& peer) {
    const auto& in = reinterpret_cast<const sockaddr_in&>(storage);
    nbd::filters::Address address{};
    std::memcpy(address.data(), &in.sin_addr, sizeof in.sin_addr);
    set_ip(peer, Family::ipv4, address);
  }
  static void read_ipv6(const sockaddr_storage& storage, Peer& peer) {
    const auto& in = reinterpret_cast<const sockaddr_in6&>(storage);
    nbd::filters::Address address{};
    std::memcpy(address.data(), &in.sin6_addr, sizeof in.sin6_addr);
    set_ip(peer, Family::ipv6, address);
  }
  // What no rule asks for is not asked for: where it is missing, that is logged.
  void read_local(Peer& peer) const {
    peer.family = Family::local;
    if (asks_for(Rule::Kind::pid)) peer.pid = number(nbdkit_peer_pid());
    if (asks_for(Rule::Kind::uid)) peer.uid = number(nbdkit_peer_uid());
    if (asks_for(Rule::Kind::gid)) peer.gid = number(nbdkit_peer_gid());
    if (asks_for(Rule::Kind::security)) peer.security = taken(nbdkit_peer_security_context());
  }
  static void read_vsock(const sockaddr_storage& storage, Peer& peer) {
    const auto& vm = reinterpret_cast<const sockaddr_vm&>(storage);
    peer.family = Family::vsock;
    peer.cid = vm.svm_cid;
    peer.port = vm.svm_port;
  }

  std::vector<Rule> allow_, deny_;
};

}  // namespace

NBDKIT_FILTER(Ip)
