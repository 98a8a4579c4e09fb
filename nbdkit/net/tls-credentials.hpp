// SPDX-License-Identifier: BSD-3-Clause
//
// With what the server proves who it is and checks who its clients are: X.509
// certificates or pre-shared keys. Read once at start-up, so that neither a
// later working directory nor a lesser user matters.
//
// Threads: loaded in one; after that shared by all sessions and not changed.
#pragma once

#include <gnutls/gnutls.h>

#include <memory>
#include <string>
#include <type_traits>

#include "net/psk-file.hpp"

namespace nbdkit {

enum class TlsMode { off, on, require };

struct TlsSettings {
  std::string certificates;        // a folder; empty: the built-in ones
  std::string psk_file;            // instead of certificates, if not empty
  bool verify_peer = false;        // clients must have a certificate, too
  std::string priority;            // GnuTLS's algorithms; empty: its usual ones
  bool describe_sessions = false;  // in debug messages
};

template <auto Free>
struct TlsDeleter {
  template <class T>
  void operator()(T* handle) const {
    Free(handle);
  }
};
template <class Handle, auto Free>
using TlsHandle = std::unique_ptr<std::remove_pointer_t<Handle>, TlsDeleter<Free>>;
using TlsSession = TlsHandle<gnutls_session_t, gnutls_deinit>;

class TlsCredentials {
 public:
  // nullptr if there are no certificates where they are looked for; an Error if
  // there are and they are of no use.
  static std::unique_ptr<TlsCredentials> load(const TlsSettings& settings);

  // The server's end of a connection, without a transport. Lives no longer
  // than this.
  TlsSession new_session() const;

  bool verify_peer() const noexcept { return verify_peer_; }
  bool describe_sessions() const noexcept { return describe_sessions_; }
  // A user with a pre-shared key; empty with certificates.
  const std::string& first_user() const noexcept { return psk_.first_user; }

 private:
  explicit TlsCredentials(const TlsSettings& settings);
  void load_certificates(const std::string& folder);
  void load_psk(const std::string& path);
  static int find_key(gnutls_session_t session, const gnutls_datum_t* user, gnutls_datum_t* key);

  bool verify_peer_, describe_sessions_;
  PskFile psk_;
  TlsHandle<gnutls_certificate_credentials_t, gnutls_certificate_free_credentials> certificates_;
  TlsHandle<gnutls_psk_server_credentials_t, gnutls_psk_free_server_credentials> psk_credentials_;
  TlsHandle<gnutls_priority_t, gnutls_priority_deinit> priority_;
};

}  // namespace nbdkit
