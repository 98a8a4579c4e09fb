// SPDX-License-Identifier: BSD-3-Clause
#include "proxy/tls-end.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/error.hpp"

namespace testkit::proxy {

namespace {

void check(int code, const std::string& what) {
  if (code < 0) nbd::fail("{}: {}", what, gnutls_strerror(code));
}

}  // namespace

TlsCredentials::TlsCredentials(const TlsSettings& settings) : verify_peer_(settings.verify_peer) {
  if (settings.psk) {
    gnutls_psk_server_credentials_t keys = nullptr;
    check(gnutls_psk_allocate_server_credentials(&keys), "TLS keys");
    keys_.reset(keys);
    const std::string file = settings.folder + "/keys.psk";
    check(gnutls_psk_set_server_credentials_file(keys, file.c_str()), file);
  } else {
    gnutls_certificate_credentials_t certificates = nullptr;
    check(gnutls_certificate_allocate_credentials(&certificates), "TLS certificates");
    certificates_.reset(certificates);
    const std::string ca = settings.folder + "/ca-cert.pem";
    const std::string certificate = settings.folder + "/server-cert.pem";
    const std::string key = settings.folder + "/server-key.pem";
    check(gnutls_certificate_set_x509_trust_file(certificates, ca.c_str(), GNUTLS_X509_FMT_PEM),
          ca);
    check(gnutls_certificate_set_x509_key_file(certificates, certificate.c_str(), key.c_str(),
                                               GNUTLS_X509_FMT_PEM),
          certificate);
  }
  std::string priority = settings.priority.empty() ? "NORMAL" : settings.priority;
  if (settings.psk) priority += ":+ECDHE-PSK:+DHE-PSK:+PSK";
  gnutls_priority_t parsed = nullptr;
  const char* where = nullptr;
  check(gnutls_priority_init(&parsed, priority.c_str(), &where),
        fmt::format("TLS priority \"{}\"", priority));
  priority_.reset(parsed);
}

TlsSession::TlsSession(int socket, const TlsCredentials& credentials, Buffer early)
    : socket_(socket), early_(std::move(early)) {
  gnutls_session_t session = nullptr;
  check(gnutls_init(&session, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL), "TLS");
  session_.reset(session);
  check(gnutls_priority_set(session, credentials.priority_.get()), "TLS priority");
  if (credentials.keys_) {
    check(gnutls_credentials_set(session, GNUTLS_CRD_PSK, credentials.keys_.get()), "TLS keys");
  } else {
    check(gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, credentials.certificates_.get()),
          "TLS certificates");
    if (credentials.verify_peer_) {
      gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
      gnutls_session_set_verify_cert(session, nullptr, 0);
    }
  }
  gnutls_transport_set_ptr(session, this);
  gnutls_transport_set_pull_function(session, pull);
  gnutls_transport_set_push_function(session, push);
}

std::string TlsSession::shake_hands(const std::function<bool(short)>& wait) {
  for (;;) {
    const int code = gnutls_handshake(session_.get());
    if (code == GNUTLS_E_SUCCESS) break;
    if (code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED) {
      const bool sends = gnutls_record_get_direction(session_.get()) == 1;
      if (!wait(sends ? POLLOUT : POLLIN)) nbd::fail("TLS: the connection ended");
      continue;
    }
    if (code == GNUTLS_E_FATAL_ALERT_RECEIVED) {
      const char* name = gnutls_alert_get_name(gnutls_alert_get(session_.get()));
      nbd::fail("TLS: the client's alert: {}", name != nullptr ? name : "unknown");
    }
    if (gnutls_error_is_fatal(code) != 0) {
      gnutls_alert_send_appropriate(session_.get(), code);
      nbd::fail("TLS: {}", gnutls_strerror(code));
    }
  }
  char* words = gnutls_session_get_desc(session_.get());
  const std::string out = words != nullptr ? words : "TLS";
  gnutls_free(words);
  return out;
}

ssize_t TlsSession::result(ssize_t code) const {
  if (code >= 0) return code;
  const bool again = code == GNUTLS_E_AGAIN || code == GNUTLS_E_INTERRUPTED;
  errno = again ? EAGAIN : ECONNRESET;
  // As most do: who hangs up without a goodbye has just hung up.
  return code == GNUTLS_E_PREMATURE_TERMINATION ? 0 : -1;
}

ssize_t TlsSession::receive(std::span<std::byte> out) {
  return result(gnutls_record_recv(session_.get(), out.data(), out.size()));
}

ssize_t TlsSession::send(std::span<const std::byte> bytes) {
  return result(gnutls_record_send(session_.get(), bytes.data(), bytes.size()));
}

void TlsSession::alert(int number) {
  gnutls_alert_send(session_.get(), GNUTLS_AL_FATAL,
                    static_cast<gnutls_alert_description_t>(number));
}

ssize_t TlsSession::pull(gnutls_transport_ptr_t self, void* to, size_t count) noexcept {
  auto& s = *static_cast<TlsSession*>(self);
  if (!s.early_.empty()) {
    const size_t n = std::min(count, s.early_.size());
    std::memcpy(to, s.early_.data(), n);
    s.early_.erase(s.early_.begin(), s.early_.begin() + static_cast<ssize_t>(n));
    return static_cast<ssize_t>(n);
  }
  return ::recv(s.socket_, to, count, MSG_DONTWAIT);
}

ssize_t TlsSession::push(gnutls_transport_ptr_t self, const void* from, size_t count) noexcept {
  return ::send(static_cast<TlsSession*>(self)->socket_, from, count, MSG_DONTWAIT | MSG_NOSIGNAL);
}

}  // namespace testkit::proxy
