// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/fd.hpp"

namespace nbdkit {

// Bound, listening sockets, non-blocking. Each throws an Error that names the
// address.

// Every address that `host` has (empty: all interfaces, IPv4 and IPv6). port is
// a number or a service; "0" is a free one, the same for all of them.
std::vector<nbd::Fd> listen_tcp(const std::string& host, const std::string& port);

// The path must not exist. It stays when the server ends.
nbd::Fd listen_unix(const std::string& path);

uint16_t bound_port(const nbd::Fd& socket);

// A client of a listening socket, with the options that its kind wants; empty
// if none is waiting after all.
nbd::Fd accept_client(const nbd::Fd& listener);

}  // namespace nbdkit
