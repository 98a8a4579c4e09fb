// SPDX-License-Identifier: BSD-3-Clause
#include "run/pki.hpp"

#include <arpa/inet.h>
#include <gnutls/abstract.h>
#include <gnutls/crypto.h>
#include <gnutls/x509.h>
#include <sys/stat.h>

#include <array>
#include <ctime>
#include <fstream>
#include <memory>
#include <string_view>
#include <type_traits>

#include "base/error.hpp"

namespace testkit {

namespace {

constexpr time_t kDay = 24 * 60 * 60;

void check(int code, const char* what) {
  if (code < 0) nbd::fail("{}: {}", what, gnutls_strerror(code));
}

struct FreeKey {
  void operator()(gnutls_x509_privkey_t k) const { gnutls_x509_privkey_deinit(k); }
};
struct FreeCertificate {
  void operator()(gnutls_x509_crt_t c) const { gnutls_x509_crt_deinit(c); }
};
using Key = std::unique_ptr<std::remove_pointer_t<gnutls_x509_privkey_t>, FreeKey>;
using Certificate = std::unique_ptr<std::remove_pointer_t<gnutls_x509_crt_t>, FreeCertificate>;

struct Identity {
  Key key;
  Certificate certificate;
};

// Elliptic: some 100 us, where RSA takes a good part of a second.
Key new_key() {
  gnutls_x509_privkey_t key = nullptr;
  check(gnutls_x509_privkey_init(&key), "a key");
  Key out(key);
  check(gnutls_x509_privkey_generate(key, GNUTLS_PK_ECDSA,
                                     GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0),
        "a key");
  return out;
}

struct Subject {
  std::string_view name;
  bool is_ca = false, is_server = false;
  bool wrong_name = false;
  time_t from = -kDay, to = 30 * kDay;  // from now
};

void add_server_names(gnutls_x509_crt_t c, bool wrong_name) {
  const auto add = [&](gnutls_x509_subject_alt_name_t type, const void* name, size_t size) {
    check(gnutls_x509_crt_set_subject_alt_name(c, type, name, static_cast<unsigned>(size),
                                               GNUTLS_FSAN_APPEND),
          "a certificate's name");
  };
  if (wrong_name) {
    constexpr std::string_view kElsewhere = "elsewhere.example";
    return add(GNUTLS_SAN_DNSNAME, kElsewhere.data(), kElsewhere.size());
  }
  constexpr std::string_view kHere = "localhost";
  add(GNUTLS_SAN_DNSNAME, kHere.data(), kHere.size());
  std::array<unsigned char, 16> address{};
  ::inet_pton(AF_INET, "127.0.0.1", address.data());
  add(GNUTLS_SAN_IPADDRESS, address.data(), 4);
  ::inet_pton(AF_INET6, "::1", address.data());
  add(GNUTLS_SAN_IPADDRESS, address.data(), 16);
}

// Signed by the issuer, or by itself.
Identity new_identity(const Subject& subject, const Identity* issuer) {
  Identity out{new_key(), nullptr};
  gnutls_x509_crt_t c = nullptr;
  check(gnutls_x509_crt_init(&c), "a certificate");
  out.certificate.reset(c);
  const time_t now = ::time(nullptr);
  std::array<unsigned char, 8> serial{};
  check(gnutls_rnd(GNUTLS_RND_NONCE, serial.data(), serial.size()), "a random number");
  serial[0] = 1;  // positive, and of one length
  check(gnutls_x509_crt_set_version(c, 3), "a certificate");
  check(gnutls_x509_crt_set_serial(c, serial.data(), serial.size()), "a certificate");
  check(gnutls_x509_crt_set_activation_time(c, now + subject.from), "a certificate");
  check(gnutls_x509_crt_set_expiration_time(c, now + subject.to), "a certificate");
  check(gnutls_x509_crt_set_dn_by_oid(c, GNUTLS_OID_X520_COMMON_NAME, 0, subject.name.data(),
                                      static_cast<unsigned>(subject.name.size())),
        "a certificate");
  check(gnutls_x509_crt_set_key(c, out.key.get()), "a certificate");
  check(gnutls_x509_crt_set_basic_constraints(c, subject.is_ca ? 1 : 0, -1), "a certificate");
  check(gnutls_x509_crt_set_key_usage(
            c, subject.is_ca ? GNUTLS_KEY_KEY_CERT_SIGN : GNUTLS_KEY_DIGITAL_SIGNATURE),
        "a certificate");
  if (!subject.is_ca) {
    const char* purpose = subject.is_server ? GNUTLS_KP_TLS_WWW_SERVER : GNUTLS_KP_TLS_WWW_CLIENT;
    check(gnutls_x509_crt_set_key_purpose_oid(c, purpose, 0), "a certificate");
  }
  if (subject.is_server) add_server_names(c, subject.wrong_name);
  const Identity& signer = issuer != nullptr ? *issuer : out;
  check(gnutls_x509_crt_sign2(c, signer.certificate.get(), signer.key.get(), GNUTLS_DIG_SHA256, 0),
        "a certificate");
  return out;
}

void write(const std::string& path, std::string_view text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) nbd::fail_errno(errno, "cannot write {}", path);
}

template <class Export>
std::string pem(Export&& call, const char* what) {
  gnutls_datum_t text{};
  check(call(&text), what);
  std::string out(reinterpret_cast<const char*>(text.data), text.size);
  gnutls_free(text.data);
  return out;
}

std::string pem(const Certificate& c) {
  return pem(
      [&](gnutls_datum_t* t) { return gnutls_x509_crt_export2(c.get(), GNUTLS_X509_FMT_PEM, t); },
      "a certificate");
}
std::string pem(const Key& k) {
  return pem(
      [&](gnutls_datum_t* t) {
        return gnutls_x509_privkey_export2(k.get(), GNUTLS_X509_FMT_PEM, t);
      },
      "a key");
}

Subject server_of(CertificateKind kind) {
  Subject s{.name = "testkit server", .is_server = true};
  if (kind == CertificateKind::expired) s.to = -kDay / 2;
  if (kind == CertificateKind::not_yet_valid) s.from = 10 * kDay;
  s.wrong_name = kind == CertificateKind::wrong_name;
  return s;
}

}  // namespace

void make_pki(const std::string& folder, CertificateKind kind) {
  if (::mkdir(folder.c_str(), 0700) == -1 && errno != EEXIST) {
    nbd::fail_errno(errno, "cannot make {}", folder);
  }
  const Identity ca = new_identity({.name = "testkit CA", .is_ca = true}, nullptr);
  const Identity other = new_identity({.name = "another CA", .is_ca = true}, nullptr);
  const Identity* issuer = kind == CertificateKind::self_signed  ? nullptr
                           : kind == CertificateKind::unknown_ca ? &other
                                                                 : &ca;
  const Identity server = new_identity(server_of(kind), issuer);
  const Identity client = new_identity({.name = "testkit client"}, &ca);
  write(folder + "/ca-cert.pem", pem(ca.certificate));
  write(folder + "/server-cert.pem", pem(server.certificate));
  write(folder + "/server-key.pem", pem(server.key));
  write(folder + "/client-cert.pem", pem(client.certificate));
  write(folder + "/client-key.pem", pem(client.key));
  write(folder + "/keys.psk",
        "testkit:00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n");
}

}  // namespace testkit
