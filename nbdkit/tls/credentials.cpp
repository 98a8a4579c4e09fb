// SPDX-License-Identifier: BSD-3-Clause
#include "tls/credentials.hpp"

#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <unistd.h>

#include <array>
#include <cstring>

#include "base/error.hpp"
#include "tls/error.hpp"
#include "tls/stream.hpp"

namespace nbdkit {

namespace {

// The NBD protocol wants TLS 1.2 or later. NORMAL, in its client's order, ends up
// with ChaCha20 wherever a pre-shared key meets TLS 1.3, as AES-256 goes with
// another hash: 350 MB/s on a processor that does 5 GB/s of AES-128.
constexpr const char* kPriority =
    "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:-CIPHER-ALL:+AES-256-GCM:+AES-128-GCM:"
    "+CHACHA20-POLY1305:+AES-256-CBC:+AES-128-CBC:+AES-256-CCM:+AES-128-CCM:%SERVER_PRECEDENCE";
// Keys that are agreed on anew come first; the bare one is for old clients. Without
// certificates, what needs one must not be chosen: in TLS 1.2 it would be, and fail.
constexpr const char* kPskPriority = ":-KX-ALL:+ECDHE-PSK:+DHE-PSK:+PSK";

void check(int code, const std::string& what) {
  if (code < 0) nbd::fail("{}: {}", what, tls_error_text(code));
}

bool exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

// GnuTLS does not say why it cannot read a file.
void check_readable(const std::string& path) {
  nbd::sys([&] { return ::access(path.c_str(), R_OK); }, "cannot read {}", path);
}

}  // namespace

std::unique_ptr<TlsCredentials> GnutlsCredentials::load(const TlsSettings& settings,
                                                        const std::string& certificates) {
  std::unique_ptr<GnutlsCredentials> out(new GnutlsCredentials(settings));
  if (!settings.psk_file.empty()) {
    out->load_psk(settings.psk_file);
  } else if (!certificates.empty()) {
    out->load_certificates(certificates);
  } else {
    return nullptr;
  }
  return out;
}

std::unique_ptr<SecureStream> GnutlsCredentials::shake_hands(Stream& socket) const {
  return std::make_unique<TlsStream>(socket, *this);
}

GnutlsCredentials::GnutlsCredentials(const TlsSettings& settings)
    : verify_peer_(settings.verify_peer), describe_sessions_(settings.describe_sessions) {
  std::string text = settings.priority.empty() ? kPriority : settings.priority;
  if (!settings.psk_file.empty()) text += kPskPriority;
  gnutls_priority_t priority = nullptr;
  const char* where = nullptr;
  if (const int code = gnutls_priority_init(&priority, text.c_str(), &where); code < 0) {
    const std::string rest = where != nullptr ? where : "";
    nbd::fail("--tls-priority: \"{}\" is not understood{}: {}", settings.priority,
              rest.empty() ? "" : fmt::format(" from \"{}\" on", rest), tls_error_text(code));
  }
  priority_.reset(priority);
}

void GnutlsCredentials::load_certificates(const std::string& folder) {
  const std::string ca = folder + "/ca-cert.pem", crl = folder + "/ca-crl.pem";
  const std::string certificate = folder + "/server-cert.pem", key = folder + "/server-key.pem";
  for (const std::string& path : {ca, certificate, key}) check_readable(path);
  gnutls_certificate_credentials_t c = nullptr;
  check(gnutls_certificate_allocate_credentials(&c), "TLS certificates");
  certificates_.reset(c);

  const int authorities =
      gnutls_certificate_set_x509_trust_file(c, ca.c_str(), GNUTLS_X509_FMT_PEM);
  check(authorities, "cannot load the certificate authority " + ca);
  if (authorities == 0) nbd::fail("there is no certificate in {}", ca);
  if (exists(crl)) {
    check_readable(crl);
    check(gnutls_certificate_set_x509_crl_file(c, crl.c_str(), GNUTLS_X509_FMT_PEM),
          "cannot load the certificate revocation list " + crl);
  }
  check(gnutls_certificate_set_x509_key_file(c, certificate.c_str(), key.c_str(),
                                             GNUTLS_X509_FMT_PEM),
        fmt::format("cannot load the server's certificate and key {}, {}", certificate, key));
}

void GnutlsCredentials::load_psk(const std::string& path) {
  psk_ = read_psk_file(path);
  gnutls_psk_server_credentials_t c = nullptr;
  check(gnutls_psk_allocate_server_credentials(&c), "pre-shared keys");
  psk_credentials_.reset(c);
  gnutls_psk_set_server_credentials_function2(c, find_key);
}

TlsSession GnutlsCredentials::new_session() const {
  // What a client's certificate has to be: signed by our authority, now valid,
  // not revoked, and if it says what it is for, then for clients. Whose it is
  // does not matter here; plugins and filters may ask.
  static unsigned char for_clients[] = GNUTLS_KP_TLS_WWW_CLIENT;
  static std::array<gnutls_typed_vdata_st, 1> purpose{
      {{.type = GNUTLS_DT_KEY_PURPOSE_OID, .data = for_clients, .size = 0}}};
  gnutls_session_t s = nullptr;
  // No tickets: nobody resumes a session, and a ticket that is never redeemed
  // costs each connection a record.
  check(gnutls_init(&s, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_TICKETS), "TLS");
  TlsSession session(s);
  gnutls_session_set_ptr(s,
                         const_cast<GnutlsCredentials*>(this));  // for find_key(), which only reads
  check(gnutls_priority_set(s, priority_.get()), "TLS");
  if (psk_credentials_) {
    check(gnutls_credentials_set(s, GNUTLS_CRD_PSK, psk_credentials_.get()), "TLS");
    return session;
  }
  check(gnutls_credentials_set(s, GNUTLS_CRD_CERTIFICATE, certificates_.get()), "TLS");
  if (verify_peer_) {
    gnutls_certificate_server_set_request(s, GNUTLS_CERT_REQUIRE);
    gnutls_session_set_verify_cert2(s, purpose.data(), purpose.size(), 0);
  }
  return session;
}

// A key for a user that there is none of is random: the client cannot tell a
// wrong name from a wrong key.
int GnutlsCredentials::find_key(gnutls_session_t session, const gnutls_datum_t* user,
                                gnutls_datum_t* key) {
  constexpr size_t kRandomKey = 32;
  const auto& self = *static_cast<const GnutlsCredentials*>(gnutls_session_get_ptr(session));
  const std::string_view name(reinterpret_cast<const char*>(user->data), user->size);
  const auto found = self.psk_.keys.find(name);
  const bool known = found != self.psk_.keys.end();
  const size_t size = known ? found->second.size() : kRandomKey;
  auto* bytes = static_cast<unsigned char*>(gnutls_malloc(size));
  if (bytes == nullptr) return -1;
  key->data = bytes;
  key->size = static_cast<unsigned>(size);
  if (known) {
    std::memcpy(bytes, found->second.data(), size);
    return 0;
  }
  return gnutls_rnd(GNUTLS_RND_RANDOM, bytes, size) == 0 ? 0 : -1;
}

}  // namespace nbdkit
