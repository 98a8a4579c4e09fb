// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.hpp"

namespace nbdkit {

enum class IpVersion { any, four, six };

// Bound, listening sockets, non-blocking. Each throws an Error that names the
// address.

// Every address that `host` has (empty: all interfaces) of this version. port is
// a number or a service; "0" is a free one, the same for all of them. An address
// that cannot be had is left out, with a debug message, as long as another can.
std::vector<nbd::Fd> listen_tcp(const std::string& host, const std::string& port,
                                IpVersion version = IpVersion::any);

// The path must not exist. It stays when the server ends.
nbd::Fd listen_unix(const std::string& path);

// For virtual machines on this one, and through loopback for itself.
nbd::Fd listen_vsock(uint32_t port);

// What a listening socket is bound to.
struct BoundTo {
  int family = 0;          // AF_UNSPEC for one that is not known here
  uint32_t port = 0;       // of TCP or vsock
  std::string ip_address;  // numeric; empty if it is all of them
  std::string path;        // of a Unix socket; empty also if it has none
};
BoundTo bound_to(const nbd::Fd& socket);

struct ClientSocketOptions {
  bool keepalive = false;  // have the kernel look for TCP clients that are gone
};

// A client of a listening socket, with the options that its kind wants; empty
// if none is waiting after all.
nbd::Fd accept_client(const nbd::Fd& listener, ClientSocketOptions options);

}  // namespace nbdkit
