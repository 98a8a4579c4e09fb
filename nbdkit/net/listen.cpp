// SPDX-License-Identifier: BSD-3-Clause
#include "net/listen.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <memory>

#include "base/error.hpp"

namespace nbdkit {

namespace {

using Addresses = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

Addresses resolve(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  const int error =
      ::getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &list);
  if (error != 0) {
    nbd::fail("cannot resolve address {}:{}: {}", host.empty() ? "*" : host, port,
              error == EAI_SYSTEM ? nbd::errno_text(errno) : ::gai_strerror(error));
  }
  return {list, ::freeaddrinfo};
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

}  // namespace

std::vector<nbd::Fd> listen_tcp(const std::string& host, const std::string& port) {
  const Addresses addresses = resolve(host, port);
  std::vector<nbd::Fd> out;
  int last_error = 0;
  uint16_t chosen = 0;  // what the kernel gave for port 0, then wanted of the others
  for (const addrinfo* a = addresses.get(); a != nullptr; a = a->ai_next) {
    const int fd = ::socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd == -1) {  // a kernel without IPv6, say
      last_error = errno;
      continue;
    }
    nbd::Fd socket(fd);
    set_flag(socket, SOL_SOCKET, SO_REUSEADDR);
    if (a->ai_family == AF_INET6) set_flag(socket, IPPROTO_IPV6, IPV6_V6ONLY);
    const sockaddr_storage address = with_port(*a, chosen);
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), a->ai_addrlen) == -1 ||
        ::listen(fd, SOMAXCONN) == -1) {
      // One family may be taken or absent as long as another serves.
      last_error = errno;
      continue;
    }
    if (port == "0") chosen = bound_port(socket);
    out.push_back(std::move(socket));
  }
  if (out.empty()) {
    nbd::fail_errno(last_error, "cannot listen on {}:{}", host.empty() ? "*" : host, port);
  }
  return out;
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

uint16_t bound_port(const nbd::Fd& socket) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  nbd::sys(
      [&] { return ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size); },
      "getsockname");
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<sockaddr_in&>(address).sin_port);
  if (address.ss_family == AF_INET6)
    return ntohs(reinterpret_cast<sockaddr_in6&>(address).sin6_port);
  return 0;
}

nbd::Fd accept_client(const nbd::Fd& listener) {
  const int fd =
      nbd::retry_eintr([&] { return ::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC); });
  if (fd == -1) return {};
  nbd::Fd client(fd);
  // Replies are gathered before they are sent, so Nagle could only delay them.
  // Not every family knows the option, and none needs it.
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return client;
}

}  // namespace nbdkit
