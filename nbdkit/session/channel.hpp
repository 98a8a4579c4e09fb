// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>

#include "net/tls.hpp"

namespace nbdkit {

// How one client is talked to: in plain text over its socket, until TLS is
// started over it; there is no way back.
//
// Threads: only the connection's own.
class Channel {
 public:
  explicit Channel(Stream& socket) : socket_(socket) {}

  // Until the next start_tls(); transmission comes after that.
  Stream& stream() noexcept { return tls_ ? static_cast<Stream&>(*tls_) : socket_; }
  const SecureStream* tls() const noexcept { return tls_.get(); }

  // The TLS handshake; an Error if it fails. REQUIRES: tls() is nullptr.
  void start_tls(const TlsCredentials& credentials) { tls_ = credentials.shake_hands(socket_); }
  // Only while nobody sends or receives.
  void say_goodbye() noexcept {
    if (tls_) tls_->say_goodbye();
  }

 private:
  Stream& socket_;
  std::unique_ptr<SecureStream> tls_;
};

}  // namespace nbdkit
