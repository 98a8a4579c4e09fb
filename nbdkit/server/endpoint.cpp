// SPDX-License-Identifier: BSD-3-Clause
#include "server/endpoint.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "base/parse.hpp"
#include "net/socket-label.hpp"

namespace nbdkit {

namespace {

const std::string kDefaultPort = "10809";  // assigned to NBD

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kPlain = "-._~/";
  std::string out;
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x80 && (std::isalnum(u) != 0 || kPlain.find(c) != std::string_view::npos)) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", u);
    }
  }
  return out;
}

// What a client on this machine calls the address that we listen on. "localhost"
// may lead to another server where we have one family of addresses alone.
std::string host_of(const std::string& address, const std::vector<nbd::Fd>& sockets) {
  const auto all_are = [&](int family) {
    return std::all_of(sockets.begin(), sockets.end(),
                       [&](const nbd::Fd& s) { return bound_to(s).family == family; });
  };
  if (address.empty() || address == "0.0.0.0" || address == "::") {
    if (all_are(AF_INET)) return "127.0.0.1";
    return all_are(AF_INET6) ? "[::1]" : "localhost";
  }
  if (address.find(':') == std::string::npos) return percent_encode(address);
  const size_t zone = address.find('%');  // fe80::1%eth0
  if (zone == std::string::npos) return "[" + address + "]";
  return "[" + address.substr(0, zone) + "%25" + percent_encode(address.substr(zone + 1)) + "]";
}

// Numbers of vsock ports may be longer.
void check_tcp_port(const std::string& port) {
  if (port.empty() || std::isdigit(static_cast<unsigned char>(port[0])) == 0) return;
  nbd::parse_int("--port", port, 0, 65535);
}

}  // namespace

Endpoint open_endpoint(const Options& options) {
  const SocketLabel label(options.selinux_label);
  Endpoint out;
  if (options.vsock) {
    const std::string& port = options.port.empty() ? kDefaultPort : options.port;
    out.port = static_cast<uint32_t>(
        nbd::parse_unsigned("--vsock --port", port, std::numeric_limits<uint32_t>::max()));
    out.vsock = true;
    out.sockets.push_back(listen_vsock(out.port));
    return out;
  }
  // A captive server is private unless asked to listen.
  const bool private_socket =
      options.unix_socket == "-" ||
      (!options.run.empty() && options.unix_socket.empty() && options.port.empty() &&
       options.ip_address.empty() && options.ip_version == IpVersion::any);
  if (private_socket) {
    out.private_dir.emplace("nbdkit");
    out.unix_socket = *out.private_dir / "socket";
  } else {
    out.unix_socket = options.unix_socket;
  }
  if (!out.unix_socket.empty()) {
    out.sockets.push_back(listen_unix(out.unix_socket));
    return out;
  }
  check_tcp_port(options.port);
  out.sockets = listen_tcp(options.ip_address, options.port.empty() ? kDefaultPort : options.port,
                           options.ip_version);
  out.port = bound_to(out.sockets.front()).port;
  out.host = host_of(options.ip_address, out.sockets);
  return out;
}

Endpoint endpoint_of(std::vector<nbd::Fd> sockets) {
  Endpoint out;
  const BoundTo bound = bound_to(sockets.front());
  out.unix_socket = bound.path;
  out.port = bound.port;
  out.vsock = bound.family == AF_VSOCK;
  out.host = host_of(bound.ip_address, sockets);
  out.sockets = std::move(sockets);
  return out;
}

void tell_of_tls(Endpoint& endpoint, const Options& options, const TlsCredentials* tls) {
  if (tls == nullptr) return;
  endpoint.tls = options.tls == TlsMode::require ? TlsMode::require : TlsMode::on;
  endpoint.tls_psk = options.tls_settings.psk_file;
  endpoint.tls_user = tls->first_user();
  if (endpoint.tls_psk.empty()) endpoint.tls_certificates = options.tls_settings.certificates;
}

std::string uri_of(const Endpoint& endpoint, const std::string& export_name) {
  const bool tls = endpoint.tls == TlsMode::require;
  const bool is_unix = !endpoint.unix_socket.empty();
  constexpr int kLocalCid = 1;  // of vsock: a client on this machine; in a guest we are 2
  const std::string host = endpoint.vsock ? std::to_string(kLocalCid) : endpoint.host;
  std::string out = fmt::format("nbd{}{}://", tls ? "s" : "",
                                is_unix          ? "+unix"
                                : endpoint.vsock ? "+vsock"
                                                 : "");
  if (tls && !endpoint.tls_user.empty()) out += percent_encode(endpoint.tls_user) + "@";
  if (!is_unix) out += fmt::format("{}:{}", host, endpoint.port);
  out += "/" + percent_encode(export_name);

  char separator = '?';
  const auto add = [&](std::string_view key, const std::string& value) {
    if (value.empty()) return;
    out += fmt::format("{}{}={}", std::exchange(separator, '&'), key, percent_encode(value));
  };
  add("socket", endpoint.unix_socket);
  if (tls) add("tls-certificates", endpoint.tls_certificates);
  if (tls) add("tls-psk-file", endpoint.tls_psk);
  return out;
}

// The URI is percent-encoded: nothing in it means anything to a shell within
// double quotes.
void print_uri(const nbd::Fd& out, const std::string& uri) {
  const std::string text = fmt::format(
      "{0}\n"
      "Shell-quoted URI: \"{0}\"\n"
      "Command to query the NBD endpoint:\n"
      "  nbdinfo \"{0}\"\n",
      uri);
  nbd::sys([&] { return ::write(out.get(), text.data(), text.size()); },
           "--print-uri: cannot write to stdout");
}

}  // namespace nbdkit
