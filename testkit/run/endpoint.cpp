// SPDX-License-Identifier: BSD-3-Clause
#include "run/endpoint.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <fstream>
#include <optional>
#include <sstream>
#include <utility>

#include "base/error.hpp"

namespace testkit {

namespace {

// /proc/net/unix: "Num RefCount Protocol Flags Type St Inode Path"; a listening
// socket has __SO_ACCEPTCON (1 << 16) in Flags.
bool unix_is_listening(const std::string& path) {
  struct stat st{};
  if (::stat(path.c_str(), &st) != 0) return false;  // cheaper than reading the table
  std::ifstream table("/proc/net/unix");
  std::string line;
  while (std::getline(table, line)) {
    if (!line.ends_with(" " + path)) continue;
    std::istringstream fields(line);
    std::string number, references, protocol, flags;
    fields >> number >> references >> protocol >> flags;
    constexpr unsigned long kAcceptCon = 1ul << 16;
    if ((std::stoul(flags, nullptr, 16) & kAcceptCon) != 0) return true;
  }
  return false;
}

// Binds a socket to 127.0.0.1:`port` (0: any) with SO_REUSEADDR; nothing if the
// port is in use.
std::optional<nbd::Fd> bind_loopback(uint16_t port) {
  nbd::Fd fd(nbd::sys([] { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }, "socket"));
  const int on = 1;
  nbd::sys([&] { return ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on); },
           "setsockopt SO_REUSEADDR");
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  if (errno == EADDRINUSE) return std::nullopt;
  nbd::fail_errno(errno, "bind to 127.0.0.1 port {}", port);
}

// With SO_REUSEADDR on both sides, a port is in use once someone listens on it
// (also on 0.0.0.0 or ::), and not before. /proc/net/tcp says the same, in 16 ms.
bool tcp_is_listening(uint16_t port) { return !bind_loopback(port); }

}  // namespace

std::string uri_escape(std::string_view text) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";
  std::string out;
  for (const char c : text) {
    if (kPlain.find(c) != std::string_view::npos)
      out += c;
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string Endpoint::uri(const std::string& export_name) const {
  const std::string name = uri_escape(export_name);
  if (transport == Transport::tcp) {
    const bool is_ipv6 = host.find(':') != std::string::npos;
    return fmt::format("nbd://{}:{}/{}", is_ipv6 ? "[" + host + "]" : host, port, name);
  }
  return fmt::format("nbd+unix:///{}?socket={}", name, path);
}

bool Endpoint::is_listening() const {
  return transport == Transport::tcp ? tcp_is_listening(port) : unix_is_listening(path);
}

PortReservation::PortReservation() {
  std::optional<nbd::Fd> bound = bind_loopback(0);
  if (!bound) nbd::fail_errno(EADDRINUSE, "no free TCP port on 127.0.0.1");
  socket_ = std::move(*bound);
  sockaddr_in address{};
  socklen_t length = sizeof address;
  nbd::sys(
      [&] { return ::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &length); },
      "getsockname");
  port_ = ntohs(address.sin_port);
}

}  // namespace testkit
