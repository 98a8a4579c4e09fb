// SPDX-License-Identifier: BSD-3-Clause
//
// The client's end of TLS with a pre-shared key. GnuTLS never touches the socket:
// one system call receives, and sends, many records, so that the client is not
// what is measured.
//
// Threads: one.
#pragma once

#include <gnutls/gnutls.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace testkit {

// What all connections of a bench use.
class TlsKey {
 public:
  // psk_file: as nbdkit(1) has it, USER:HEX in a line; the first is used.
  // priority: of GnuTLS; what it leaves is what the server can choose from.
  TlsKey(const std::string& psk_file, const std::string& priority);

  // The one cipher that both servers have and that processors help with.
  static constexpr const char* kPriority =
      "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-128-GCM:+ECDHE-PSK:+DHE-PSK";

 private:
  friend class TlsClient;
  template <auto Free>
  struct Deleter {
    void operator()(auto* p) const { Free(p); }
  };
  std::unique_ptr<std::remove_pointer_t<gnutls_psk_client_credentials_t>,
                  Deleter<gnutls_psk_free_client_credentials>>
      credentials_;
  std::unique_ptr<std::remove_pointer_t<gnutls_priority_t>, Deleter<gnutls_priority_deinit>>
      priority_;
};

class TlsClient {
 public:
  // Shakes hands over a blocking socket. Throws an Error that says why it failed.
  TlsClient(int socket, const TlsKey& key);
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  // As recv(2) and sendmsg(2). What send() has taken may still wait to be sent.
  ssize_t receive(std::span<std::byte> out, int flags);
  ssize_t send(std::span<const iovec> parts, int flags);
  // Some does: send() nothing to go on.
  bool is_unsent() const { return sent_ < output_.size(); }
  // receive() has more without the socket's help.
  bool has_more() const { return begin_ < end_ || gnutls_record_check_pending(session_.get()) > 0; }

 private:
  static ssize_t pull(gnutls_transport_ptr_t self, void* to, size_t count) noexcept;
  static ssize_t push(gnutls_transport_ptr_t self, const void* from, size_t count) noexcept;
  void shake_hands();
  ssize_t fill(int flags);
  bool flush(int flags);

  struct Deinit {
    void operator()(gnutls_session_t s) const { gnutls_deinit(s); }
  };
  const int socket_;
  std::unique_ptr<std::remove_pointer_t<gnutls_session_t>, Deinit> session_;
  std::vector<std::byte> input_;
  size_t begin_ = 0, end_ = 0;
  std::vector<std::byte> output_;
  size_t sent_ = 0;  // of it
};

}  // namespace testkit
