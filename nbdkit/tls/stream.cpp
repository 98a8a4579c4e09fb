// SPDX-License-Identifier: BSD-3-Clause
#include "tls/stream.hpp"

#include <gnutls/x509.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "tls/description.hpp"
#include "tls/error.hpp"

namespace nbdkit {

namespace {

// What one record may carry; GnuTLS takes less where a client asked for that.
constexpr size_t kRecord = 16 << 10;
// Encrypted bytes received with one system call.
constexpr size_t kInput = 128 << 10;
// Encrypted bytes that are sent with one: the client decrypts the first while
// we encrypt the next.
constexpr size_t kOutput = 128 << 10;
// What a record grows by, at most.
constexpr size_t kOverhead = 512;
// How long a client that does not read is waited for at the end.
constexpr std::chrono::seconds kGoodbye{2};

std::string dn_text(gnutls_x509_crt_t certificate, decltype(gnutls_x509_crt_get_dn3)& get) {
  gnutls_datum_t text{};
  if (get(certificate, &text, 0) < 0) return {};
  std::string out(reinterpret_cast<const char*>(text.data), text.size);
  gnutls_free(text.data);
  return out;
}

}  // namespace

TlsStream::TlsStream(Stream& socket, const GnutlsCredentials& credentials)
    : socket_(socket),
      credentials_(credentials),
      session_(credentials.new_session()),
      input_(std::make_unique_for_overwrite<std::byte[]>(kInput)) {
  output_.reserve(kOutput + kRecord + kOverhead);
  sending_.reserve(kOutput + kRecord + kOverhead);
  plain_.reserve(kRecord);
  gnutls_session_t s = session_.get();
  gnutls_transport_set_ptr(s, this);
  gnutls_transport_set_pull_function(s, pull);
  gnutls_transport_set_push_function(s, push);
  gnutls_transport_set_pull_timeout_function(s, is_there);
  gnutls_handshake_set_timeout(s, GNUTLS_INDEFINITE_TIMEOUT);  // that is set_deadline()'s
  handshake();
  if (credentials_.verify_peer()) read_peer_names();
}

// ---- The handshake

void TlsStream::handshake() {
  gnutls_session_t s = session_.get();
  for (;;) {
    const size_t before = input_begin_;
    const int code = gnutls_handshake(s);
    if (code == 0) break;
    if (code == GNUTLS_E_AGAIN) {
      flush_output();
      if (input_begin_ != before && input_begin_ != input_end_) continue;
      if (!fill_input()) nbd::fail("the client hung up during the TLS handshake");
      continue;
    }
    if (gnutls_error_is_fatal(code) == 0) continue;  // a warning
    const std::string why = tls_failure_text(s, code) + hint(code);
    try {
      gnutls_alert_send_appropriate(s, code);
      flush_output();
    } catch (const nbd::Error& e) {  // it is gone: what was wrong before that counts
      nbd::log::debug("{}", e.what());
    }
    nbd::fail("TLS handshake: {}", why);
  }
  flush_output();
  if (!nbd::log::verbose()) return;
  const std::unique_ptr<char, decltype(gnutls_free)> text(gnutls_session_get_desc(s), gnutls_free);
  nbd::log::debug("TLS is running: {}", text ? text.get() : "");
  if (credentials_.describe_sessions()) return describe_session(s);
  if (const char* user = gnutls_psk_server_get_username(s); user != nullptr) {
    nbd::log::debug("TLS: the client is \"{}\"", printable(user));
  }
}

// What these codes mean in practice. OpenSSL sends its alert in plain text when
// TLS 1.3 is encrypting already.
std::string TlsStream::hint(int code) const {
  if (code != GNUTLS_E_DECRYPTION_FAILED && code != GNUTLS_E_RECEIVED_ILLEGAL_PARAMETER) return "";
  return credentials_.first_user().empty() ? " (does the client refuse the server's certificate?)"
                                           : " (has the client another key?)";
}

void TlsStream::read_peer_names() {
  unsigned count = 0;
  const gnutls_datum_t* chain = gnutls_certificate_get_peers(session_.get(), &count);
  gnutls_x509_crt_t certificate = nullptr;
  if (chain == nullptr || count == 0 || gnutls_x509_crt_init(&certificate) < 0) return;
  const TlsHandle<gnutls_x509_crt_t, gnutls_x509_crt_deinit> owner(certificate);
  if (gnutls_x509_crt_import(certificate, &chain[0], GNUTLS_X509_FMT_DER) < 0) return;
  peer_dn_ = dn_text(certificate, gnutls_x509_crt_get_dn3);
  peer_issuer_dn_ = dn_text(certificate, gnutls_x509_crt_get_issuer_dn3);
  nbd::log::debug("TLS: the client is \"{}\"", printable(peer_dn_));
}

// ---- GnuTLS's transport: memory. With session_lock_ held, or in the handshake.

ssize_t TlsStream::pull(gnutls_transport_ptr_t self, void* to, size_t count) noexcept {
  auto& t = *static_cast<TlsStream*>(self);
  const size_t there = t.input_end_ - t.input_begin_;
  if (there == 0) {
    if (t.input_ended_) return 0;
    gnutls_transport_set_errno(t.session_.get(), EAGAIN);
    return -1;
  }
  const size_t n = std::min(count, there);
  std::memcpy(to, t.input_.get() + t.input_begin_, n);
  t.input_begin_ += n;
  return static_cast<ssize_t>(n);
}

ssize_t TlsStream::push(gnutls_transport_ptr_t self, const void* from, size_t count) noexcept {
  auto& t = *static_cast<TlsStream*>(self);
  try {
    const auto* bytes = static_cast<const std::byte*>(from);
    t.output_.insert(t.output_.end(), bytes, bytes + count);
    return static_cast<ssize_t>(count);
  } catch (const std::bad_alloc&) {
    gnutls_transport_set_errno(t.session_.get(), ENOMEM);
    return -1;
  }
}

int TlsStream::is_there(gnutls_transport_ptr_t self, unsigned /*ms*/) noexcept {
  const auto& t = *static_cast<TlsStream*>(self);
  return t.input_begin_ != t.input_end_ || t.input_ended_ ? 1 : 0;
}

// Waits for more from the client. REQUIRES: GnuTLS has taken all there was; it
// says GNUTLS_E_AGAIN also when it has not, after a message of TLS itself.
bool TlsStream::fill_input() {
  input_begin_ = input_end_ = 0;
  input_end_ = socket_.receive({input_.get(), kInput});
  input_ended_ = input_end_ == 0;
  return !input_ended_;
}

void TlsStream::flush_output() {
  {
    const std::lock_guard lock(session_lock_);
    std::swap(output_, sending_);
  }
  if (!sending_.empty()) socket_.send(std::span<const std::byte>(sending_));
  sending_.clear();
}

// ---- Receiving

size_t TlsStream::receive(std::span<std::byte> buf) {
  for (;;) {
    size_t got = 0;
    if (broken_ == 0) {
      const auto code = receive_records(buf, got);
      if (code == 0) return got;  // full, or the end
      if (code != GNUTLS_E_AGAIN) broken_ = static_cast<int>(code);
      if (got != 0) return got;
    }
    if (broken_ == GNUTLS_E_PREMATURE_TERMINATION) {
      // No more than a plain client that hangs up: what is missing, if anything,
      // shows by itself.
      nbd::log::debug("the client hung up without closing TLS");
      return 0;
    }
    if (broken_ == GNUTLS_E_REHANDSHAKE) {
      nbd::fail("the client wants to renegotiate TLS, which is not supported");
    }
    if (broken_ != 0) {
      const std::lock_guard lock(session_lock_);
      nbd::fail("TLS: {}", tls_failure_text(session_.get(), broken_));
    }
    fill_input();
  }
}

bool TlsStream::has_input_within(std::chrono::milliseconds time) noexcept {
  if (input_begin_ != input_end_ || input_ended_ || broken_ != 0) return true;
  {
    const std::lock_guard lock(session_lock_);
    if (gnutls_record_check_pending(session_.get()) > 0) return true;
  }
  return socket_.has_input_within(time);
}

// As many records as are here and fit; `got` is what they carried. 0 if the
// buffer is full or the client has closed its side, else why there is no more.
ssize_t TlsStream::receive_records(std::span<std::byte> buf, size_t& got) {
  while (got < buf.size()) {
    const std::lock_guard lock(session_lock_);
    const size_t before = input_begin_;
    const ssize_t n = gnutls_record_recv(session_.get(), buf.data() + got, buf.size() - got);
    // Such as new keys; data may follow.
    if (n == GNUTLS_E_AGAIN && input_begin_ != before && input_begin_ != input_end_) continue;
    if (n == 0) return got == 0 ? 0 : GNUTLS_E_AGAIN;
    if (n > 0) {
      got += static_cast<size_t>(n);
    } else if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_REHANDSHAKE ||
               gnutls_error_is_fatal(static_cast<int>(n)) != 0) {
      return n;
    }
  }
  return 0;
}

// ---- Sending

void TlsStream::send(std::span<iovec> parts) {
  for (const iovec& part : parts) add(static_cast<const std::byte*>(part.iov_base), part.iov_len);
  finish();
}

// Pages of a file are copied out of the pipe in pieces that stay in the
// processor's cache, which costs less than to read them into fresh memory.
void TlsStream::send(std::span<iovec> parts, FilledPipe& pipe) {
  for (const iovec& part : parts) add(static_cast<const std::byte*>(part.iov_base), part.iov_len);
  std::array<std::byte, 64 << 10> piece;
  while (pipe.size() > 0) add(piece.data(), pipe.read(piece));
  finish();
}

void TlsStream::finish() {
  if (!plain_.empty()) {
    encrypt(plain_.data(), plain_.size());
    plain_.clear();
  }
  flush_output();
}

// Small pieces are gathered into whole records; long ones are encrypted from
// where they are.
void TlsStream::add(const std::byte* bytes, size_t count) {
  while (count > 0) {
    if (plain_.empty() && count >= kRecord) {
      encrypt(bytes, kRecord);
      bytes += kRecord;
      count -= kRecord;
      continue;
    }
    const size_t n = std::min(count, kRecord - plain_.size());
    plain_.insert(plain_.end(), bytes, bytes + n);
    bytes += n;
    count -= n;
    if (plain_.size() == kRecord) {
      encrypt(plain_.data(), plain_.size());
      plain_.clear();
    }
  }
}

void TlsStream::encrypt(const std::byte* bytes, size_t count) {
  while (count > 0) {
    size_t ready = 0;
    {
      const std::lock_guard lock(session_lock_);
      const ssize_t n = gnutls_record_send(session_.get(), bytes, count);
      if (n < 0 && gnutls_error_is_fatal(static_cast<int>(n)) != 0) {
        nbd::fail("TLS: cannot send: {}", tls_failure_text(session_.get(), static_cast<int>(n)));
      }
      if (n > 0) {
        bytes += n;
        count -= static_cast<size_t>(n);
      }
      ready = output_.size();
    }
    if (ready >= kOutput) flush_output();
  }
}

void TlsStream::say_goodbye() noexcept {
  try {
    set_deadline(std::chrono::steady_clock::now() + kGoodbye);
    gnutls_bye(session_.get(), GNUTLS_SHUT_WR);
    flush_output();
  } catch (const std::exception& e) {
    nbd::log::debug("{}", e.what());
  }
}

}  // namespace nbdkit
