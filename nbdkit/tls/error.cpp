// SPDX-License-Identifier: BSD-3-Clause
#include "tls/error.hpp"

#include <cctype>
#include <memory>

#include "base/error.hpp"

namespace nbdkit {

namespace {

// "The TLS connection was ended." -> "the TLS connection was ended"
std::string as_clause(std::string_view sentence) {
  while (!sentence.empty() && (sentence.back() == '.' || sentence.back() == ' ')) {
    sentence.remove_suffix(1);
  }
  std::string out(sentence);
  // An abbreviation in front stays as it is.
  if (out.size() > 1 && std::islower(static_cast<unsigned char>(out[1])) != 0) {
    out[0] = static_cast<char>(std::tolower(static_cast<unsigned char>(out[0])));
  }
  return out;
}

std::string certificate_text(gnutls_session_t session) {
  const unsigned status = gnutls_session_get_verify_cert_status(session);
  gnutls_datum_t text{};
  if (gnutls_certificate_verification_status_print(status, GNUTLS_CRT_X509, &text, 0) < 0) {
    return "its certificate cannot be verified";
  }
  const std::unique_ptr<unsigned char, decltype(gnutls_free)> owner(text.data, gnutls_free);
  std::string_view why(reinterpret_cast<const char*>(text.data), text.size);
  constexpr std::string_view kFirst = "The certificate is NOT trusted. ";  // we have said so
  if (why.starts_with(kFirst)) why.remove_prefix(kFirst.size());
  return as_clause(why);
}

}  // namespace

std::string tls_error_text(int code) {
  const char* text = gnutls_strerror(code);
  return text != nullptr ? as_clause(text) : fmt::format("GnuTLS error {}", code);
}

std::string tls_failure_text(gnutls_session_t session, int code) {
  if (code == GNUTLS_E_FATAL_ALERT_RECEIVED || code == GNUTLS_E_WARNING_ALERT_RECEIVED) {
    const gnutls_alert_description_t alert = gnutls_alert_get(session);
    const char* name = gnutls_alert_get_name(alert);
    return fmt::format("the client sent the alert \"{}\"",
                       name != nullptr ? as_clause(name) : std::to_string(alert));
  }
  if (code == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR || code == GNUTLS_E_CERTIFICATE_ERROR) {
    return "the client's certificate is refused: " + certificate_text(session);
  }
  if (code == GNUTLS_E_CERTIFICATE_REQUIRED || code == GNUTLS_E_NO_CERTIFICATE_FOUND) {
    return "the client has no certificate";
  }
  return tls_error_text(code);
}

std::string printable(std::string_view hostile) {
  constexpr size_t kLongest = 200;
  std::string out(hostile.substr(0, kLongest));
  for (char& c : out) {
    if (std::iscntrl(static_cast<unsigned char>(c)) != 0) c = '?';
  }
  if (hostile.size() > kLongest) out += "...";
  return out;
}

}  // namespace nbdkit
