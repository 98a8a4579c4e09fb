// SPDX-License-Identifier: BSD-3-Clause
#include "server/endpoint.hpp"

#include <cctype>
#include <string_view>

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

Endpoint open_endpoint(const Options& options) {
  Endpoint out;
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
  const std::string path = percent_encode(export_name);
  if (!endpoint.unix_socket.empty()) {
    return fmt::format("nbd+unix:///{}?socket={}", path, percent_encode(endpoint.unix_socket));
  }
  return fmt::format("nbd://{}:{}/{}", endpoint.host, endpoint.port, path);
}

}  // namespace nbdkit
