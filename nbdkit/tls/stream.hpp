// SPDX-License-Identifier: BSD-3-Clause
//
// TLS over another stream, the server's end, through GnuTLS.
//
// GnuTLS never touches the socket. It decrypts from a buffer that is filled with
// one receive for many records, and encrypts into one that is sent as a whole:
// left to itself it makes two system calls for each record of 16 KiB that it
// receives and one for each that it sends.
//
// Threads: as any Stream, one receives while another sends. GnuTLS allows that,
// but not while keys are changed, which a client of TLS 1.3 may ask for at any
// time. So its session, with output_, is used under session_lock_, for one
// record at a time (some 5 µs); nobody waits for the network with the lock held.
// input_ is the receiver's alone, sending_ and plain_ the sender's.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "net/tls.hpp"
#include "tls/credentials.hpp"

namespace nbdkit {

class TlsStream final : public SecureStream {
 public:
  // The handshake. Both arguments outlive this.
  TlsStream(Stream& socket, const GnutlsCredentials& credentials);

  using Stream::send;
  // Data that came before the stream broke is still given out.
  size_t receive(std::span<std::byte> buf) override;
  void stay_awake(Duration time) noexcept override { socket_.stay_awake(time); }
  bool has_input_within(std::chrono::milliseconds time) noexcept override;
  void send(std::span<iovec> parts) override;
  void send(std::span<iovec> parts, FilledPipe& pipe) override;
  void set_deadline(Deadline deadline) noexcept override { socket_.set_deadline(deadline); }
  void end_input() noexcept override { socket_.end_input(); }
  void abort() noexcept override { socket_.abort(); }
  int fd() const noexcept override { return socket_.fd(); }

  void say_goodbye() noexcept override;
  const std::string& peer_dn() const noexcept override { return peer_dn_; }
  const std::string& peer_issuer_dn() const noexcept override { return peer_issuer_dn_; }

 private:
  void handshake();
  std::string hint(int code) const;
  void read_peer_names();
  bool fill_input();
  ssize_t receive_records(std::span<std::byte> buf, size_t& got);
  void flush_output();

  // For send(): the plain bytes on their way into records.
  void add(const std::byte* bytes, size_t count);
  void encrypt(const std::byte* bytes, size_t count);
  void finish();

  static ssize_t pull(gnutls_transport_ptr_t self, void* to, size_t count) noexcept;
  static ssize_t push(gnutls_transport_ptr_t self, const void* from, size_t count) noexcept;
  static int is_there(gnutls_transport_ptr_t self, unsigned ms) noexcept;

  Stream& socket_;
  const GnutlsCredentials& credentials_;
  std::string peer_dn_, peer_issuer_dn_;

  std::mutex session_lock_;
  TlsSession session_;
  std::vector<std::byte> output_;  // encrypted, to be sent

  std::unique_ptr<std::byte[]> input_;  // encrypted, as received: [begin, end)
  size_t input_begin_ = 0, input_end_ = 0;
  bool input_ended_ = false;
  int broken_ = 0;  // why receive() will fail once the data is gone

  std::vector<std::byte> sending_;  // what was output_
  std::vector<std::byte> plain_;    // less than a record, waits for more
};

}  // namespace nbdkit
