// SPDX-License-Identifier: BSD-3-Clause
#include "tls/description.hpp"

#include <gnutls/x509.h>

#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/log.hpp"
#include "tls/error.hpp"
#include "tls/handle.hpp"

namespace nbdkit {

namespace {

const char* or_none(const char* name) { return name != nullptr ? name : "none"; }

void describe_certificate(unsigned number, const gnutls_datum_t& der) {
  gnutls_x509_crt_t certificate = nullptr;
  if (gnutls_x509_crt_init(&certificate) < 0) return;
  const TlsHandle<gnutls_x509_crt_t, gnutls_x509_crt_deinit> owner(certificate);
  if (gnutls_x509_crt_import(certificate, &der, GNUTLS_X509_FMT_DER) < 0) return;
  gnutls_datum_t text{};
  if (gnutls_x509_crt_print(certificate, GNUTLS_CRT_PRINT_ONELINE, &text) < 0) return;
  const std::unique_ptr<unsigned char, decltype(gnutls_free)> freed(text.data, gnutls_free);
  nbd::log::debug("TLS session: certificate {} of the client: {}", number,
                  std::string_view(reinterpret_cast<const char*>(text.data), text.size));
}

void on_log(int level, const char* text) {
  std::string_view line(text);
  while (line.ends_with('\n')) line.remove_suffix(1);
  nbd::log::debug("gnutls: {}: {}", level, line);
}

}  // namespace

void describe_session(gnutls_session_t session) {
  nbd::log::debug("TLS session: version {}, key exchange {}, group {}, cipher {}, MAC {}",
                  or_none(gnutls_protocol_get_name(gnutls_protocol_get_version(session))),
                  or_none(gnutls_kx_get_name(gnutls_kx_get(session))),
                  or_none(gnutls_group_get_name(gnutls_group_get(session))),
                  or_none(gnutls_cipher_get_name(gnutls_cipher_get(session))),
                  or_none(gnutls_mac_get_name(gnutls_mac_get(session))));
  if (const char* user = gnutls_psk_server_get_username(session); user != nullptr) {
    nbd::log::debug("TLS session: the client has the key of \"{}\"", printable(user));
    return;
  }
  unsigned count = 0;
  const gnutls_datum_t* const chain = gnutls_certificate_get_peers(session, &count);
  if (chain == nullptr || count == 0) nbd::log::debug("TLS session: the client has no certificate");
  for (unsigned i = 0; chain != nullptr && i < count; ++i) describe_certificate(i, chain[i]);
}

void log_what_gnutls_does(int level) {
  gnutls_global_set_log_function(on_log);
  gnutls_global_set_log_level(level);
}

}  // namespace nbdkit
