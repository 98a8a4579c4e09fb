// SPDX-License-Identifier: BSD-3-Clause
#include "net/connect.hpp"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <linux/vm_sockets.h>

#include <algorithm>
#include <array>
#include <climits>
#include <memory>
#include <vector>

#include "base/error.hpp"
#include "base/parse.hpp"
#include "net/socket-io.hpp"
#include "wire/messages.hpp"

namespace testkit {

namespace wire = nbd::wire;

namespace {

// A server's answer to an option is at most this long here: names and contexts.
constexpr uint32_t kMaxOptionReply = 64u << 10;

nbd::Fd connect_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) nbd::fail("socket path is too long: {}", path);
  path.copy(address.sun_path, path.size());
  nbd::Fd fd(nbd::sys([] { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }, "socket"));
  nbd::sys(
      [&] { return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address); },
      "connect to {}", path);
  return fd;
}

nbd::Fd connect_tcp(const std::string& host, const std::string& port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (const int error = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); error != 0) {
    nbd::fail("{} port {}: {}", host, port, ::gai_strerror(error));
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  int error = ECONNREFUSED;
  for (const addrinfo* a = found; a != nullptr; a = a->ai_next) {
    nbd::Fd fd(::socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (fd && ::connect(fd.get(), a->ai_addr, a->ai_addrlen) == 0) {
      const int on = 1;
      ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return fd;
    }
    error = errno;
  }
  nbd::fail_errno(error, "connect to {} port {}", host, port);
}

nbd::Fd connect_vsock(const std::string& cid, const std::string& port) {
  constexpr uint64_t kMax = UINT32_MAX;
  sockaddr_vm address{};
  address.svm_family = AF_VSOCK;
  address.svm_cid = static_cast<uint32_t>(nbd::parse_unsigned("vsock CID", cid, kMax));
  address.svm_port = static_cast<uint32_t>(nbd::parse_unsigned("vsock port", port, kMax));
  nbd::Fd fd(nbd::sys([] { return ::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0); },
                      "cannot make a vsock socket, for which the kernel needs a module"));
  nbd::sys(
      [&] { return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address); },
      "connect to vsock {} port {}", cid, port);
  return fd;
}

template <std::unsigned_integral T>
T receive(const Session& s) {
  std::array<std::byte, sizeof(T)> bytes;
  s.receive_all(bytes);
  return wire::load<T>(bytes.data());
}

void send_option(const Session& s, wire::Option option, wire::Bytes data) {
  wire::Writer w;
  w.put(wire::kIHaveOpt).put(static_cast<uint32_t>(option)).put(static_cast<uint32_t>(data.size()));
  w.put(std::string_view(reinterpret_cast<const char*>(data.data()), data.size()));
  s.send_all(w.bytes());
}

struct OptionAnswer {
  wire::OptionReply type;
  std::vector<std::byte> data;
};

OptionAnswer receive_answer(const Session& s, wire::Option option) {
  if (receive<uint64_t>(s) != wire::kOptionReplyMagic) {
    nbd::fail("the server answers {} with a wrong magic", wire::name_of(option));
  }
  if (const auto got = receive<uint32_t>(s); got != static_cast<uint32_t>(option)) {
    nbd::fail("the server answers {} as option {}", wire::name_of(option), got);
  }
  OptionAnswer answer{static_cast<wire::OptionReply>(receive<uint32_t>(s)), {}};
  const auto length = receive<uint32_t>(s);
  if (length > kMaxOptionReply) {
    nbd::fail("the server answers {} with {} bytes", wire::name_of(option), length);
  }
  answer.data.resize(length);
  s.receive_all(answer.data);
  return answer;
}

// Answers up to the ACK; each before it goes to `take`.
template <class Take>
void negotiate(const Session& s, wire::Option option, wire::Bytes data, Take&& take) {
  send_option(s, option, data);
  for (;;) {
    const OptionAnswer answer = receive_answer(s, option);
    if (answer.type == wire::OptionReply::ack) return;
    const auto number = static_cast<uint32_t>(answer.type);
    if ((number & wire::kRepError) != 0) {
      nbd::fail("the server refuses {}: {} {}", wire::name_of(option), wire::name_of(answer.type),
                std::string_view(reinterpret_cast<const char*>(answer.data.data()),
                                 std::min<size_t>(answer.data.size(), 200)));
    }
    take(answer);
  }
}

void ask_for_block_status(const Session& s, const std::string& export_name) {
  wire::Writer w;
  w.put(static_cast<uint32_t>(export_name.size())).put(export_name).put(uint32_t{1});
  w.put(static_cast<uint32_t>(wire::kBaseAllocation.size())).put(wire::kBaseAllocation);
  bool given = false;
  negotiate(s, wire::Option::set_meta_context, w.bytes(), [&](const OptionAnswer& answer) {
    given |= answer.type == wire::OptionReply::meta_context;
  });
  if (!given) nbd::fail("the server does not offer {}", wire::kBaseAllocation);
}

}  // namespace

nbd::Fd connect_to(const Address& address) {
  if (address.vsock) return connect_vsock(address.host, address.port);
  return address.path.empty() ? connect_tcp(address.host, address.port)
                              : connect_unix(address.path);
}

Session open_session(const Address& address, const HandshakeOptions& options) {
  Session s;
  s.socket = connect_to(address);
  const int fd = s.socket.get();
  const timeval patience{kPatienceSeconds, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const auto first = receive<uint64_t>(s), second = receive<uint64_t>(s);
  if (first != wire::kNbdMagic || second != wire::kIHaveOpt) {
    nbd::fail("{} does not speak the newstyle protocol of NBD", address.uri());
  }
  const auto offered = receive<uint16_t>(s);
  if ((offered & wire::handshake_flag::kFixedNewstyle) == 0) {
    nbd::fail("{} does not offer the fixed newstyle protocol of NBD", address.uri());
  }
  wire::Writer flags;
  flags.put(wire::client_flag::kFixedNewstyle |
            ((offered & wire::handshake_flag::kNoZeroes) != 0 ? wire::client_flag::kNoZeroes : 0));
  s.send_all(flags.bytes());
  const auto nothing = [](const OptionAnswer&) {};
  if (options.tls != nullptr) {
    negotiate(s, wire::Option::starttls, {}, nothing);
    s.tls = std::make_unique<TlsClient>(fd, *options.tls);
  }
  if (options.structured) negotiate(s, wire::Option::structured_reply, {}, nothing);
  if (options.block_status) ask_for_block_status(s, address.export_name);

  wire::Writer go;
  const std::string& name = address.export_name;
  go.put(static_cast<uint32_t>(name.size())).put(name).put(uint16_t{0});
  bool told = false;
  negotiate(s, wire::Option::go, go.bytes(), [&](const OptionAnswer& answer) {
    wire::Reader in(answer.data);
    const auto kind = in.take<uint16_t>();
    if (kind != static_cast<uint16_t>(wire::Info::export_)) return;
    const auto size = in.take<uint64_t>();
    const auto export_flags = in.take<uint16_t>();
    if (!size || !export_flags) nbd::fail("the server describes the export in too few bytes");
    s.size = *size;
    s.flags = *export_flags;
    told = true;
  });
  if (!told) nbd::fail("the server does not tell the size of the export");
  return s;
}

ssize_t Session::receive(std::span<std::byte> out, int how) const {
  if (tls) return tls->receive(out, how);
  return nbd::retry_eintr([&] { return ::recv(socket.get(), out.data(), out.size(), how); });
}

ssize_t Session::send(std::span<iovec> parts, int how) const {
  if (tls) return tls->send(parts, how);
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = std::min<size_t>(parts.size(), IOV_MAX);
  return nbd::retry_eintr([&] { return ::sendmsg(socket.get(), &message, how | MSG_NOSIGNAL); });
}

void Session::receive_all(std::span<std::byte> out) const {
  while (!out.empty()) {
    const ssize_t got = receive(out, 0);
    if (got < 0) fail_receive(errno);
    if (got == 0) nbd::fail("the peer closed the connection");
    out = out.subspan(static_cast<size_t>(got));
  }
}

void Session::send_all(wire::Bytes bytes) const {
  while (!bytes.empty()) {
    iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
    const ssize_t sent = send({&part, 1}, 0);
    if (sent < 0) nbd::fail_errno(errno, "send {} bytes", bytes.size());
    bytes = bytes.subspan(static_cast<size_t>(sent));
  }
}

void send_disconnect(const Session& session) noexcept {
  std::array<std::byte, wire::kRequestSize> bytes;
  wire::encode_request(bytes.data(), {.flags = 0,
                                      .command = wire::Command::disc,
                                      .cookie = 0,
                                      .offset = 0,
                                      .length = 0,
                                      .payload = 0});
  try {
    iovec part{bytes.data(), bytes.size()};
    session.send({&part, 1}, 0);
  } catch (const std::exception&) {  // the server closes either way, and may have done so already
  }
}

}  // namespace testkit
