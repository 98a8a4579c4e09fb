// SPDX-License-Identifier: BSD-3-Clause
#include "net/endpoint.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <linux/vm_sockets.h>

#include <fstream>
#include <optional>
#include <random>
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

nbd::Fd vsock_socket() {
  return nbd::Fd(nbd::sys([&] { return ::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0); },
                          "socket of vsock"));
}

sockaddr_vm vsock_address(unsigned cid, unsigned port) {
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = cid;
  address.svm_port = port;
  return address;
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

// Nothing tells apart a vsock port that is bound from one that listens, but a connection.
bool vsock_is_bound(uint32_t port) {
  const nbd::Fd fd = vsock_socket();
  const sockaddr_vm address = vsock_address(VMADDR_CID_ANY, port);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
    return false;
  }
  if (errno == EADDRINUSE) return true;
  nbd::fail_errno(errno, "bind to vsock port {}", port);
}

// Connects to a socket of our own.
bool try_vsock() {
  constexpr int kPatienceMs = 2000;
  const nbd::Fd server(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const nbd::Fd client(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!server || !client) return false;
  sockaddr_vm address = vsock_address(VMADDR_CID_ANY, VMADDR_PORT_ANY);
  auto* any = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof address;
  if (::bind(server.get(), any, length) != 0 || ::listen(server.get(), 1) != 0 ||
      ::getsockname(server.get(), any, &length) != 0) {
    return false;
  }
  address.svm_cid = VMADDR_CID_LOCAL;
  if (::connect(client.get(), any, sizeof address) == 0) return true;
  if (errno != EINPROGRESS) return false;
  pollfd p{client.get(), POLLOUT, 0};
  int error = 0;
  length = sizeof error;
  return nbd::retry_eintr([&] { return ::poll(&p, 1, kPatienceMs); }) == 1 &&
         ::getsockopt(client.get(), SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0;
}

}  // namespace

uint32_t free_vsock_port() {
  // Random ones would do, but not all clients can spell those of more than 31 bits.
  constexpr uint32_t kFirst = 20000, kCount = 40000;
  const uint32_t start = std::random_device{}();
  for (uint32_t i = 0; i < kCount; ++i) {
    const uint32_t port = kFirst + (start + i) % kCount;
    if (!vsock_is_bound(port)) return port;
  }
  nbd::fail("no free vsock port from {} to {}", kFirst, kFirst + kCount - 1);
}

bool vsock_works() {
  static const bool works = try_vsock();
  return works;
}

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
  if (transport == Transport::vsock) return fmt::format("nbd+vsock://{}:{}/{}", cid, port, name);
  return fmt::format("nbd+unix:///{}?socket={}", name, path);
}

bool Endpoint::is_listening() const {
  switch (transport) {
    case Transport::tcp: return tcp_is_listening(static_cast<uint16_t>(port));
    case Transport::vsock: return vsock_is_bound(port);
    case Transport::unix_socket: break;
  }
  return unix_is_listening(path);
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
