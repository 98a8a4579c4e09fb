// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "base/temp-dir.hpp"
#include "server/options.hpp"

namespace nbdkit {

// Where the server listens, and how a client is told of it.
struct Endpoint {
  std::vector<nbd::Fd> sockets;
  std::optional<nbd::TempDir> private_dir;  // of -U -; goes with the server
  std::string unix_socket;                  // its path, or empty
  uint32_t port = 0;                        // of TCP or vsock, or 0
  bool vsock = false;
  std::string host;  // for the URI
  TlsMode tls = TlsMode::off;
  std::string tls_certificates, tls_psk;  // paths, as far as they were given
  std::string tls_user;                   // with tls_psk: one who has a key
};

// Throws an Error that names the address.
Endpoint open_endpoint(const Options& options);

// Of sockets that somebody else has opened. A client is told of the first.
Endpoint endpoint_of(std::vector<nbd::Fd> sockets);

// tls: nullptr if it is off.
void tell_of_tls(Endpoint& endpoint, const Options& options, const TlsCredentials* tls);

// As the NBD project's URI document has it: nbd://host:port/export,
// nbd+unix:///export?socket=path or nbd+vsock://cid:port/export, percent-encoded.
// With TLS required it is nbds and names the certificates or keys; else a client may
// choose, and plain is what all of them can.
std::string uri_of(const Endpoint& endpoint, const std::string& export_name);

// What --print-uri prints. Programs read the first line; people use the last.
void print_uri(const nbd::Fd& out, const std::string& uri);

}  // namespace nbdkit
