// SPDX-License-Identifier: BSD-3-Clause
#include "net/listen.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <linux/vm_sockets.h>

#include <cstddef>
#include <cstring>
#include <memory>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"

namespace nbdkit {

namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

std::string described(const std::string& host, const std::string& port) {
  return fmt::format("{}:{}", host.empty() ? "*" : host, port);
}

Addresses resolve(const std::string& host, const std::string& port, IpVersion version) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_family = version == IpVersion::four  ? AF_INET
                    : version == IpVersion::six ? AF_INET6
                                                : AF_UNSPEC;
  addrinfo* list = nullptr;
  const int error =
      ::getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &list);
  if (error != 0) {
    const char* of = version == IpVersion::four  ? " (IPv4 only)"
                     : version == IpVersion::six ? " (IPv6 only)"
                                                 : "";
    nbd::fail("cannot resolve address {}{}: {}", described(host, port), of,
              error == EAI_SYSTEM ? nbd::errno_text(errno) : ::gai_strerror(error));
  }
  return {list, ::freeaddrinfo};
}

std::string numeric_host(const sockaddr* address, socklen_t size) {
  char text[NI_MAXHOST];
  if (::getnameinfo(address, size, text, sizeof text, nullptr, 0, NI_NUMERICHOST) != 0) return "?";
  return text;
}

void set_flag(const nbd::Fd& socket, int level, int option) {
  const int on = 1;
  nbd::sys([&] { return ::setsockopt(socket.get(), level, option, &on, sizeof on); }, "setsockopt");
}

void start_listening(const nbd::Fd& socket) {
  nbd::sys([&] { return ::listen(socket.get(), SOMAXCONN); }, "listen");
}

nbd::Fd new_socket(int family) {
  return nbd::Fd(nbd::sys(
      [&] { return ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0); }, "socket"));
}

// A copy of the address with another port, in network order.
sockaddr_storage with_port(const addrinfo& a, uint16_t port) {
  sockaddr_storage out{};
  std::memcpy(&out, a.ai_addr, a.ai_addrlen);
  if (port != 0 && a.ai_family == AF_INET)
    reinterpret_cast<sockaddr_in&>(out).sin_port = htons(port);
  if (port != 0 && a.ai_family == AF_INET6)
    reinterpret_cast<sockaddr_in6&>(out).sin6_port = htons(port);
  return out;
}

// Empty, with errno set, if this address cannot be had.
nbd::Fd try_to_listen(const addrinfo& a, uint16_t port) {
  nbd::Fd socket(::socket(a.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return {};  // a kernel without IPv6, say
  set_flag(socket, SOL_SOCKET, SO_REUSEADDR);
  if (a.ai_family == AF_INET6) set_flag(socket, IPPROTO_IPV6, IPV6_V6ONLY);
  const sockaddr_storage address = with_port(a, port);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), a.ai_addrlen) == -1 ||
      ::listen(socket.get(), SOMAXCONN) == -1) {
    const int error = errno;
    socket.reset();
    errno = error;
  }
  return socket;
}

struct Attempt {
  std::vector<nbd::Fd> sockets;
  int error = 0;              // of the last address that could not be had
  bool port_is_half = false;  // our choice of port is taken on another address
};

Attempt listen_on_all(const addrinfo* addresses, bool any_port) {
  Attempt out;
  uint16_t chosen = 0;  // what the kernel gave for port 0, then wanted of the others
  for (const addrinfo* a = addresses; a != nullptr; a = a->ai_next) {
    nbd::Fd socket = try_to_listen(*a, chosen);
    if (!socket) {
      out.error = errno;
      out.port_is_half = out.port_is_half || (chosen != 0 && errno == EADDRINUSE);
      nbd::log::debug("cannot listen on {}: {}", numeric_host(a->ai_addr, a->ai_addrlen),
                      nbd::errno_text(out.error));
      continue;
    }
    const BoundTo bound = bound_to(socket);
    nbd::log::debug("listening on {} port {}", numeric_host(a->ai_addr, a->ai_addrlen), bound.port);
    if (any_port) chosen = static_cast<uint16_t>(bound.port);
    out.sockets.push_back(std::move(socket));
  }
  return out;
}

}  // namespace

std::vector<nbd::Fd> listen_tcp(const std::string& host, const std::string& port,
                                IpVersion version) {
  const Addresses addresses = resolve(host, port, version);
  const bool any_port = port == "0";
  Attempt attempt = listen_on_all(addresses.get(), any_port);
  // A free port of IPv4 may be somebody else's of IPv6, whom clients that prefer
  // that would reach. A name with the same address twice would never end, though.
  for (int again = 0; any_port && attempt.port_is_half && again < 8; ++again) {
    attempt = listen_on_all(addresses.get(), any_port);
  }
  if (attempt.sockets.empty()) {
    nbd::fail_errno(attempt.error, "cannot listen on {}", described(host, port));
  }
  return std::move(attempt.sockets);
}

nbd::Fd listen_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    nbd::fail("the path of a Unix socket may have {} bytes, this has {}: {}",
              sizeof address.sun_path - 1, path.size(), path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  nbd::Fd socket = new_socket(AF_UNIX);
  nbd::sys(
      [&] {
        return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
      },
      "cannot bind to the Unix socket {}", path);
  start_listening(socket);
  return socket;
}

nbd::Fd listen_vsock(uint32_t port) {
  nbd::Fd socket(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) {
    nbd::fail_errno(errno, "cannot make a vsock socket, for which the kernel needs a module");
  }
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = VMADDR_CID_ANY;
  address.svm_port = port;
  nbd::sys(
      [&] {
        return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
      },
      "cannot listen on vsock port {}", port);
  start_listening(socket);
  return socket;
}

BoundTo bound_to(const nbd::Fd& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  nbd::sys([&] { return ::getsockname(socket.get(), generic, &size); }, "getsockname");
  BoundTo out{.family = address.ss_family, .port = 0, .ip_address = {}, .path = {}};
  switch (address.ss_family) {
    case AF_INET: {
      const auto& v4 = reinterpret_cast<sockaddr_in&>(address);
      out.port = ntohs(v4.sin_port);
      if (v4.sin_addr.s_addr != INADDR_ANY) out.ip_address = numeric_host(generic, size);
      break;
    }
    case AF_INET6: {
      const auto& v6 = reinterpret_cast<sockaddr_in6&>(address);
      out.port = ntohs(v6.sin6_port);
      if (!IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr)) out.ip_address = numeric_host(generic, size);
      break;
    }
    case AF_VSOCK: out.port = reinterpret_cast<sockaddr_vm&>(address).svm_port; break;
    case AF_UNIX: {
      const auto& local = reinterpret_cast<sockaddr_un&>(address);
      const size_t length = size - offsetof(sockaddr_un, sun_path);
      // An abstract name starts with NUL, and then is none for a path.
      out.path.assign(local.sun_path, ::strnlen(local.sun_path, length));
      break;
    }
    default: out.family = AF_UNSPEC;
  }
  return out;
}

nbd::Fd accept_client(const nbd::Fd& listener, ClientSocketOptions options) {
  const int fd =
      nbd::retry_eintr([&] { return ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC); });
  if (fd == -1) return {};
  nbd::Fd client(fd);
  // Replies are gathered before they are sent, so Nagle could only delay them.
  // Not every family knows the option, and none needs it.
  const int on = 1;
  const bool is_tcp = ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
  if (is_tcp && options.keepalive) set_flag(client, SOL_SOCKET, SO_KEEPALIVE);
  return client;
}

}  // namespace nbdkit
