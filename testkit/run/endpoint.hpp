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
  std::string path;   // unix
  uint16_t port = 0;  // tcp
  std::string host = "127.0.0.1";

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

// "a b/c" -> "a%20b%2Fc"
std::string uri_escape(std::string_view text);

}  // namespace testkit
