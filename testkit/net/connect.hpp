// SPDX-License-Identifier: BSD-3-Clause
//
// A connection of a client of our own, from socket to the end of the
// handshake: fixed newstyle, TLS if wanted, NBD_OPT_GO.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "net/tls-client.hpp"
#include "wire/codec.hpp"

namespace testkit {

struct Address {
  std::string path;        // of a Unix socket; empty: TCP
  std::string host, port;  // TCP; of vsock, the number of the machine and the port
  std::string export_name;
  bool vsock = false;
  std::string uri() const;
};
// nbd://HOST[:PORT]/EXPORT, nbd+vsock://CID[:PORT]/EXPORT, nbd+unix:///EXPORT?socket=PATH. Throws
// an Error that shows the URI.
Address parse_uri(std::string_view uri);

// A connected socket. Throws an Error that names the address.
nbd::Fd connect_to(const Address& address);

struct HandshakeOptions {
  bool structured = false;      // ask for structured replies
  bool block_status = false;    // ... and for base:allocation
  const TlsKey* tls = nullptr;  // start TLS first, if given
};

struct Session {
  nbd::Fd socket;
  std::unique_ptr<TlsClient> tls;  // over it, if it was asked for
  uint64_t size = 0;
  uint16_t flags = 0;  // wire::transmission_flag

  // As recv(2) and sendmsg(2), in plain text or not.
  ssize_t receive(std::span<std::byte> out, int flags) const;
  ssize_t send(std::span<iovec> parts, int flags) const;
  // Whole messages; each throws an Error like those of socket-io.hpp.
  void receive_all(std::span<std::byte> out) const;
  void send_all(nbd::wire::Bytes bytes) const;
  // Some of what was sent waits until the socket takes more; some of what was
  // received waits in us.
  bool is_unsent() const { return tls && tls->is_unsent(); }
  bool has_more() const { return tls && tls->has_more(); }
};

// Throws an Error if the server does not give what was asked for.
Session open_session(const Address& address, const HandshakeOptions& options);

// NBD_CMD_DISC; errors are ignored, the connection closes anyway.
void send_disconnect(const Session& session) noexcept;

// A server that says nothing for so long will say nothing more.
inline constexpr int kPatienceSeconds = 30;

}  // namespace testkit
