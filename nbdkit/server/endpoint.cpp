// SPDX-License-Identifier: BSD-3-Clause
#include "server/endpoint.hpp"

#include <cctype>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "net/listen.hpp"

namespace nbdkit {

namespace {

constexpr const char* kDefaultPort = "10809";  // assigned to NBD

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

// What a client on this machine calls the address that we listen on.
std::string host_of(const std::string& address) {
  if (address.empty() || address == "0.0.0.0" || address == "::") return "localhost";
  return address.find(':') != std::string::npos ? "[" + address + "]" : address;
}

}  // namespace

Endpoint open_endpoint(const Options& options, const TlsCredentials* tls) {
  Endpoint out;
  if (tls != nullptr) {
    out.tls = options.tls == TlsMode::require ? TlsMode::require : TlsMode::on;
    out.tls_psk = options.tls_settings.psk_file;
    out.tls_user = tls->first_user();
    if (out.tls_psk.empty()) out.tls_certificates = options.tls_settings.certificates;
  }
  // A captive server is private unless asked to listen.
  const bool private_socket =
      options.unix_socket == "-" || (!options.run.empty() && options.unix_socket.empty() &&
                                     options.port.empty() && options.ip_address.empty());
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
  out.sockets = listen_tcp(options.ip_address, options.port.empty() ? kDefaultPort : options.port);
  out.port = bound_port(out.sockets.front());
  out.host = host_of(options.ip_address);
  return out;
}

std::string uri_of(const Endpoint& endpoint, const std::string& export_name) {
  const bool tls = endpoint.tls == TlsMode::require;
  const bool is_unix = !endpoint.unix_socket.empty();
  std::string out = fmt::format("nbd{}{}://", tls ? "s" : "", is_unix ? "+unix" : "");
  if (tls && !endpoint.tls_user.empty()) out += percent_encode(endpoint.tls_user) + "@";
  if (!is_unix) out += fmt::format("{}:{}", endpoint.host, endpoint.port);
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

}  // namespace nbdkit
