// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>

#include "net/stream.hpp"

namespace nbdkit {

// A client behind two descriptors of any kind: pipes, files, a terminal. Their
// flags stay as they are, since other processes may share them.
class FdStream final : public Stream {
 public:
  // Owns both. from and to may be the same.
  FdStream(nbd::Fd from, nbd::Fd to);

  using Stream::send;
  size_t receive(std::span<std::byte> buf) override;
  void send(std::span<iovec> parts) override;
  void set_deadline(Deadline deadline) noexcept override { deadline_ = deadline; }
  void end_input() noexcept override;
  void abort() noexcept override;
  int fd() const noexcept override { return from_.get(); }

 private:
  void send_all(std::span<const std::byte> bytes);
  // false if it has been stopped instead; throws at the deadline.
  bool wait_for(const nbd::Fd& fd, short events, const nbd::Fd& stop) const;

  nbd::Fd from_, to_;
  nbd::Fd no_more_input_, no_more_output_;  // eventfds: readable for ever once that is so
  Deadline deadline_;
};

// The client of -s: a SocketStream if both are one and the same socket.
std::unique_ptr<Stream> make_stream(nbd::Fd from, nbd::Fd to);

}  // namespace nbdkit
