// SPDX-License-Identifier: BSD-3-Clause
#include "net/tls-client.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/error.hpp"
#include "net/socket-io.hpp"

namespace testkit {

namespace {

constexpr size_t kInput = 256 << 10;
constexpr size_t kRecord = 16 << 10;
// Encrypted bytes that are sent with one system call.
constexpr size_t kOutput = 256 << 10;

void check(int code, const char* what) {
  if (code < 0) nbd::fail("TLS: {}: {}", what, gnutls_strerror(code));
}

}  // namespace

TlsKey::TlsKey(const std::string& psk_file, const std::string& priority) {
  std::ifstream file(psk_file);
  std::string line;
  if (!std::getline(file, line)) nbd::fail("--tls-psk: cannot read {}", psk_file);
  const size_t colon = line.find(':');
  if (colon == std::string::npos || colon == 0 || colon + 1 == line.size()) {
    nbd::fail("--tls-psk: {} does not begin with USER:HEX", psk_file);
  }
  std::string user = line.substr(0, colon), hex = line.substr(colon + 1);
  gnutls_psk_client_credentials_t credentials = nullptr;
  check(gnutls_psk_allocate_client_credentials(&credentials), "credentials");
  credentials_.reset(credentials);
  const gnutls_datum_t key{reinterpret_cast<unsigned char*>(hex.data()),
                           static_cast<unsigned>(hex.size())};
  check(gnutls_psk_set_client_credentials(credentials, user.c_str(), &key, GNUTLS_PSK_KEY_HEX),
        "the key");
  gnutls_priority_t wanted = nullptr;
  const char* where = nullptr;
  if (gnutls_priority_init(&wanted, priority.c_str(), &where) < 0) {
    nbd::fail("--tls-priority: not understood from \"{}\" on", where);
  }
  priority_.reset(wanted);
}

TlsClient::TlsClient(int socket, const TlsKey& key) : socket_(socket), input_(kInput) {
  gnutls_session_t session = nullptr;
  check(gnutls_init(&session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL), "a session");
  session_.reset(session);
  check(gnutls_priority_set(session, key.priority_.get()), "priority");
  check(gnutls_credentials_set(session, GNUTLS_CRD_PSK, key.credentials_.get()), "credentials");
  gnutls_transport_set_ptr(session, this);
  gnutls_transport_set_pull_function(session, pull);
  gnutls_transport_set_push_function(session, push);
  gnutls_handshake_set_timeout(session, GNUTLS_INDEFINITE_TIMEOUT);
  shake_hands();
}

void TlsClient::shake_hands() {
  for (;;) {
    const int code = gnutls_handshake(session_.get());
    flush(0);
    if (code == 0) return;
    if (code == GNUTLS_E_AGAIN) {
      const ssize_t got = fill(0);
      if (got < 0) fail_receive(errno);
      if (got == 0) nbd::fail("the server hung up during the TLS handshake");
    } else if (gnutls_error_is_fatal(code) != 0) {
      nbd::fail("the TLS handshake failed: {}", gnutls_strerror(code));
    }
  }
}

// As recv(2) into input_. REQUIRES: it is empty, or has room.
ssize_t TlsClient::fill(int flags) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (begin_ > 0 && end_ == input_.size()) {
    std::memmove(input_.data(), &input_[begin_], end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const ssize_t got = nbd::retry_eintr(
      [&] { return ::recv(socket_, input_.data() + end_, input_.size() - end_, flags); });
  if (got > 0) end_ += static_cast<size_t>(got);
  return got;
}

ssize_t TlsClient::receive(std::span<std::byte> out, int flags) {
  size_t got = 0;
  while (got < out.size()) {
    const ssize_t n = gnutls_record_recv(session_.get(), out.data() + got, out.size() - got);
    if (n > 0) {
      got += static_cast<size_t>(n);
      continue;
    }
    if (n == 0 || got > 0) break;
    if (n != GNUTLS_E_AGAIN && gnutls_error_is_fatal(static_cast<int>(n)) != 0) {
      nbd::fail("TLS: receive: {}", gnutls_strerror(static_cast<int>(n)));
    }
    if (n != GNUTLS_E_AGAIN) continue;
    if (const ssize_t filled = fill(flags); filled <= 0) return filled;
  }
  return static_cast<ssize_t>(got);
}

ssize_t TlsClient::send(std::span<const iovec> parts, int flags) {
  size_t taken = 0;
  if (flush(flags)) {
    for (const iovec& part : parts) {
      auto* from = static_cast<const std::byte*>(part.iov_base);
      for (size_t left = part.iov_len; left > 0 && output_.size() < kOutput;) {
        const ssize_t n = gnutls_record_send(session_.get(), from, std::min(left, kRecord));
        if (n < 0) nbd::fail("TLS: send: {}", gnutls_strerror(static_cast<int>(n)));
        from += n;
        left -= static_cast<size_t>(n);
        taken += static_cast<size_t>(n);
      }
      if (output_.size() >= kOutput) break;
    }
    flush(flags);
  }
  if (taken > 0 || parts.empty()) return static_cast<ssize_t>(taken);
  errno = EAGAIN;
  return -1;
}

// False: some is left, as the socket takes no more for now.
bool TlsClient::flush(int flags) {
  while (is_unsent()) {
    const ssize_t n = nbd::retry_eintr([&] {
      return ::send(socket_, &output_[sent_], output_.size() - sent_, flags | MSG_NOSIGNAL);
    });
    if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
    if (n < 0) nbd::fail_errno(errno, "send requests");
    sent_ += static_cast<size_t>(n);
  }
  output_.clear();
  sent_ = 0;
  return true;
}

ssize_t TlsClient::pull(gnutls_transport_ptr_t self, void* to, size_t count) noexcept {
  auto& client = *static_cast<TlsClient*>(self);
  const size_t n = std::min(count, client.end_ - client.begin_);
  if (n == 0) {
    gnutls_transport_set_errno(client.session_.get(), EAGAIN);
    return -1;
  }
  std::memcpy(to, &client.input_[client.begin_], n);
  client.begin_ += n;
  return static_cast<ssize_t>(n);
}

ssize_t TlsClient::push(gnutls_transport_ptr_t self, const void* from, size_t count) noexcept {
  auto& client = *static_cast<TlsClient*>(self);
  try {
    const auto* bytes = static_cast<const std::byte*>(from);
    client.output_.insert(client.output_.end(), bytes, bytes + count);
  } catch (const std::exception&) {
    gnutls_transport_set_errno(client.session_.get(), ENOMEM);
    return -1;
  }
  return static_cast<ssize_t>(count);
}

}  // namespace testkit
