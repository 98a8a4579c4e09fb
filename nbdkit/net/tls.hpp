// SPDX-License-Identifier: BSD-3-Clause
//
// TLS as the rest of the server sees it. What does it, over GnuTLS, is a shared object of
// its own (nbdkit/tls), opened when there are credentials: with GnuTLS and the eight
// libraries behind it a server takes up to twice as long to start, and most need none.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "net/stream.hpp"

namespace nbdkit {

enum class TlsMode { off, on, require };

struct TlsSettings {
  std::string certificates;        // a folder; empty: the built-in ones
  std::string psk_file;            // instead of certificates, if not empty
  bool verify_peer = false;        // clients must have a certificate, too
  std::string priority;            // GnuTLS's algorithms; empty: its usual ones
  bool describe_sessions = false;  // in debug messages
  int log_level = 0;               // 1 to 99: what GnuTLS does, in debug messages
};

// A client's stream once it talks TLS.
class SecureStream : public Stream {
 public:
  // The end of what we send, as TLS has it, so that the client knows that
  // nothing was cut off. Only while nobody sends or receives.
  virtual void say_goodbye() noexcept = 0;

  // RFC 4514 names out of the client's certificate; empty unless it was verified.
  virtual const std::string& peer_dn() const noexcept = 0;
  virtual const std::string& peer_issuer_dn() const noexcept = 0;
};

// With what the server proves who it is and checks who its clients are: X.509
// certificates or pre-shared keys. Read once at start-up, so that neither a
// later working directory nor a lesser user matters.
//
// Threads: loaded in one; after that shared by all sessions and not changed.
class TlsCredentials {
 public:
  virtual ~TlsCredentials() = default;
  // The server's end of a handshake. Throws an Error that says what went wrong; a client
  // that is still there was sent an alert then. The socket, and this, outlive the result.
  virtual std::unique_ptr<SecureStream> shake_hands(Stream& socket) const = 0;
  // A user with a pre-shared key; empty with certificates.
  virtual const std::string& first_user() const noexcept = 0;
};

// nullptr if there are no certificates where they are looked for; an Error if
// there are and they are of no use.
std::unique_ptr<TlsCredentials> load_tls_credentials(const TlsSettings& settings);

// ---- What that opens

// Only that of the same build is of use.
inline constexpr const char* kTlsObject = "nbdkit-tls.so";
inline constexpr const char* kTlsAbi = "0.1.0/1";

// The log has one place, which the shared object does not have.
struct TlsLog {
  bool (*verbose)() noexcept;
  void (*debug)(std::string_view text) noexcept;
};

// Its two symbols: nbdkit_tls_abi, a const char*, and nbdkit_tls_load. certificates: the
// folder that has some; empty: none has, and the result may be nullptr.
using LoadTls = std::unique_ptr<TlsCredentials>(const TlsLog& log, const TlsSettings& settings,
                                                const std::string& certificates);

}  // namespace nbdkit
