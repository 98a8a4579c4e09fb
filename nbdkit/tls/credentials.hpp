// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <gnutls/gnutls.h>

#include <memory>
#include <string>

#include "net/tls.hpp"
#include "tls/handle.hpp"
#include "tls/psk-file.hpp"

namespace nbdkit {

class GnutlsCredentials final : public TlsCredentials {
 public:
  // certificates: the folder that has some. Without, and without keys: nullptr.
  static std::unique_ptr<TlsCredentials> load(const TlsSettings& settings,
                                              const std::string& certificates);

  std::unique_ptr<SecureStream> shake_hands(Stream& socket) const override;
  const std::string& first_user() const noexcept override { return psk_.first_user; }

  // The server's end of a connection, without a transport. Lives no longer
  // than this.
  TlsSession new_session() const;

  bool verify_peer() const noexcept { return verify_peer_; }
  bool describe_sessions() const noexcept { return describe_sessions_; }

 private:
  explicit GnutlsCredentials(const TlsSettings& settings);
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
