// SPDX-License-Identifier: BSD-3-Clause
//
// The server's end of TLS, in a proxy whose own server talks plainly: what is
// inside is then to be seen, and to be changed.
//
// Threads: one may receive while another sends; each needs the others of its kind
// kept out. TlsCredentials are used by any number of sessions.
#pragma once

#include <gnutls/gnutls.h>
#include <sys/types.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "proxy/message.hpp"

namespace testkit::proxy {

struct TlsSettings {
  std::string folder;        // as for nbdkit(1)'s --tls-certificates; keys.psk too
  bool psk = false;          // the keys of that file, in place of certificates
  bool verify_peer = false;  // ask for the client's certificate
  std::string priority;      // of GnuTLS; empty: its default
};

class TlsCredentials {
 public:
  // Throws an Error that names the file.
  explicit TlsCredentials(const TlsSettings& settings);

 private:
  friend class TlsSession;
  template <auto Free>
  struct Deleter {
    void operator()(auto* p) const { Free(p); }
  };
  template <class T, auto Free>
  using Handle = std::unique_ptr<std::remove_pointer_t<T>, Deleter<Free>>;

  bool verify_peer_;
  Handle<gnutls_certificate_credentials_t, gnutls_certificate_free_credentials> certificates_;
  Handle<gnutls_psk_server_credentials_t, gnutls_psk_free_server_credentials> keys_;
  Handle<gnutls_priority_t, gnutls_priority_deinit> priority_;
};

class TlsSession {
 public:
  // early: what was received before TLS began.
  TlsSession(int socket, const TlsCredentials& credentials, Buffer early);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  // wait(POLLIN or POLLOUT) is false if there is nothing to wait for any more. Throws
  // an Error that says why it failed; nothing if all is well: "TLS1.3 ...", in words.
  std::string shake_hands(const std::function<bool(short)>& wait);
  // As recv(2) and send(2) with MSG_DONTWAIT: -1 and EAGAIN, to be tried again with
  // the same bytes.
  ssize_t receive(std::span<std::byte> out);
  ssize_t send(std::span<const std::byte> bytes);
  // receive() has more without the socket's help.
  bool has_more() const { return gnutls_record_check_pending(session_.get()) > 0; }
  // A fatal one, GNUTLS_A_*.
  void alert(int number);

 private:
  static ssize_t pull(gnutls_transport_ptr_t self, void* to, size_t count) noexcept;
  static ssize_t push(gnutls_transport_ptr_t self, const void* from, size_t count) noexcept;
  ssize_t result(ssize_t code) const;

  struct Deinit {
    void operator()(gnutls_session_t s) const { gnutls_deinit(s); }
  };
  const int socket_;
  Buffer early_;
  std::unique_ptr<std::remove_pointer_t<gnutls_session_t>, Deinit> session_;
};

}  // namespace testkit::proxy
