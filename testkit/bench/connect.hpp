// SPDX-License-Identifier: BSD-3-Clause
//
// A connection of the bench's own client, from socket to the end of the
// handshake: fixed newstyle, NBD_OPT_GO.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/fd.hpp"

namespace testkit::bench {

struct Address {
  std::string path;        // of a Unix socket; empty: TCP
  std::string host, port;  // TCP
  std::string export_name;
  std::string uri() const;
};
// nbd://HOST[:PORT]/EXPORT, nbd+unix:///EXPORT?socket=PATH. Throws an Error that
// shows the URI.
Address parse_uri(std::string_view uri);

// A connected socket. Throws an Error that names the address.
nbd::Fd connect_to(const Address& address);

struct HandshakeOptions {
  bool structured = false;    // ask for structured replies
  bool block_status = false;  // ... and for base:allocation
};

struct Session {
  nbd::Fd socket;
  uint64_t size = 0;
  uint16_t flags = 0;  // wire::transmission_flag
};

// Throws an Error if the server does not give what was asked for.
Session open_session(const Address& address, const HandshakeOptions& options);

// NBD_CMD_DISC; errors are ignored, the connection closes anyway.
void send_disconnect(int socket) noexcept;

// A server that says nothing for so long will say nothing more.
inline constexpr int kPatienceSeconds = 30;

}  // namespace testkit::bench
