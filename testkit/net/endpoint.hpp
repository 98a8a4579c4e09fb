// SPDX-License-Identifier: BSD-3-Clause
//
// The address at which a captive server listens.
#pragma once

#include <string>

#include "base/fd.hpp"
#include "scenario/model.hpp"

namespace testkit {

struct Endpoint {
  Transport transport = Transport::unix_socket;
  std::string path;                // unix
  uint32_t port = 0;               // tcp, vsock
  std::string host = "127.0.0.1";  // tcp
  uint32_t cid = 1;                // vsock; 1 is this machine

  std::string uri(const std::string& export_name) const;
  // Whether someone listens there, found without connecting: a connection made
  // only to look would be the server's first client, and count.
  bool is_listening() const;
};

// A TCP port of 127.0.0.1 that the kernel gives to no one else while this
// lives: a socket is bound to it but does not listen. A server that binds with
// SO_REUSEADDR, as servers do, may still take it.
class PortReservation {
 public:
  PortReservation();
  uint16_t port() const { return port_; }
  void release() { socket_.reset(); }

 private:
  nbd::Fd socket_;
  uint16_t port_ = 0;
};

// A port of vsock that nobody has bound just now. There is no SO_REUSEADDR for them, so a server
// cannot bind beside a reservation.
uint32_t free_vsock_port();

// Whether the kernel connects vsock sockets of this machine with each other: tried once, by
// connecting. Without its module vsock_loopback a connection is not refused but lost, in 2 s.
bool vsock_works();

// "a b/c" -> "a%20b%2Fc"
std::string uri_escape(std::string_view text);

}  // namespace testkit
