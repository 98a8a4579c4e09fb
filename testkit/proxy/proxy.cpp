// SPDX-License-Identifier: BSD-3-Clause
#include "proxy/proxy.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include <memory>
#include <utility>

#include "base/error.hpp"
#include "base/parse.hpp"

namespace testkit::proxy {

namespace {

nbd::Fd listen_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) nbd::fail("socket path is too long: {}", path);
  path.copy(address.sun_path, path.size());
  nbd::Fd fd(nbd::sys([] { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }, "socket"));
  nbd::sys([&] { return ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address); },
           "bind {}", path);
  return fd;
}

uint16_t port_of(const nbd::Fd& fd) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  nbd::sys([&] { return ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &length); },
           "getsockname");
  return ntohs(address.ss_family == AF_INET6 ? reinterpret_cast<sockaddr_in6&>(address).sin6_port
                                             : reinterpret_cast<sockaddr_in&>(address).sin_port);
}

nbd::Fd listen_tcp(Address& a) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(a.host.c_str(), a.port.c_str(), &hints, &found); error != 0) {
    nbd::fail("{} port {}: {}", a.host, a.port, ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  nbd::Fd fd(nbd::sys([&] { return ::socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0); },
                      "socket"));
  const int on = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  nbd::sys([&] { return ::bind(fd.get(), found->ai_addr, found->ai_addrlen); }, "bind {} port {}",
           a.host, a.port);
  a.port = std::to_string(port_of(fd));
  return fd;
}

nbd::Fd listen_vsock(const Address& a) {
  constexpr uint64_t kMax = UINT32_MAX;
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = VMADDR_CID_ANY;
  address.svm_port = static_cast<uint32_t>(nbd::parse_unsigned("vsock port", a.port, kMax));
  nbd::Fd fd(nbd::sys([] { return ::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0); },
                      "cannot make a vsock socket, for which the kernel needs a module"));
  nbd::sys([&] { return ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address); },
           "bind to vsock port {}", a.port);
  return fd;
}

}  // namespace

nbd::Fd listen_at(Address& address) {
  nbd::Fd fd = address.vsock          ? listen_vsock(address)
               : address.path.empty() ? listen_tcp(address)
                                      : listen_unix(address.path);
  nbd::sys([&] { return ::listen(fd.get(), SOMAXCONN); }, "listen");
  return fd;
}

Proxy::Proxy(nbd::Fd listening, Settings settings)
    : listening_(std::move(listening)),
      settings_(std::move(settings)),
      credentials_(settings_.tls ? std::optional<TlsCredentials>(*settings_.tls) : std::nullopt),
      faults_(settings_.rules, settings_.seed),
      trace_(settings_.trace_file),
      accepting_([this] { accept_clients(); }) {}

Proxy::~Proxy() { quit_.request(SIGTERM); }

void Proxy::accept_clients() {
  for (;;) {
    pollfd p{listening_.get(), POLLIN, 0};
    if (wait_any({&p, 1}, {}, quit_) != Wake::ready) break;
    running_.remove_if([](const Running& r) { return r.done.load(); });
    nbd::Fd client(::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client) continue;  // gone again, or no descriptors left
    const int on = 1;
    ::setsockopt(client.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    Running& r = running_.emplace_back();
    r.thread = std::jthread([this, &r, number = ++connections_, c = std::move(client)]() mutable {
      serve(std::move(c), number);
      r.done = true;
    });
  }
  running_.clear();  // waits for them; they have seen the end too
}

void Proxy::serve(nbd::Fd client, uint64_t number) noexcept {
  try {
    nbd::Fd server = connect_to(settings_.server);
    const TlsCredentials* tls = credentials_ ? &*credentials_ : nullptr;
    Link(std::move(client), std::move(server), number, faults_, trace_, quit_, tls,
         settings_.written)
        .run();
  } catch (const std::exception& e) {
    TraceEvent event;
    event.connection = number;
    event.text = e.what();
    trace_.add(std::move(event));
  }
}

}  // namespace testkit::proxy
