// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <sys/uio.h>

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>

#include "base/fd.hpp"
#include "net/pipe.hpp"

namespace nbdkit {

// A client's byte stream. A failure of the connection is an nbd::Error.
//
// Threads: one may receive while another sends; set_deadline() only while
// neither happens.
class Stream {
 public:
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;
  using Duration = std::chrono::steady_clock::duration;

  virtual ~Stream() = default;

  // At least one byte, as many as are there and fit; 0 at the end of the stream.
  virtual size_t receive(std::span<std::byte> buf) = 0;
  // Into the first, which is not empty, and what comes behind it into the second. Of the
  // count, as many bytes as fit are in the first.
  virtual size_t receive(std::span<std::byte> first, std::span<std::byte> second);
  // The next receive() is likely to have something in this time: it may keep its
  // processor for so long instead of going to sleep. For the thread that receives.
  virtual void stay_awake(Duration) noexcept {}
  // All of it. The parts are used up as scratch.
  virtual void send(std::span<iovec> parts) = 0;
  // The parts, and behind them all that is in the pipe.
  virtual void send(std::span<iovec> parts, FilledPipe& pipe);
  // Whether what is in a pipe gets to the client without a copy.
  virtual bool moves_pages() const noexcept { return false; }
  // No more input: receive() returns what is there, then 0, in any thread.
  virtual void end_input() noexcept = 0;
  // From now on nobody waits for the client past this, but gets an Error with
  // ETIMEDOUT; what can be had without waiting still can. Nothing: for ever.
  virtual void set_deadline(Deadline deadline) noexcept = 0;
  // Both directions end now; a receive() or send() in another thread returns.
  virtual void abort() noexcept = 0;
  // Whether the socket has something to receive, as it looks now.
  bool has_input() const noexcept;
  // Whether receive() would not wait, which may come true within this time. For the
  // thread that receives.
  virtual bool has_input_within(std::chrono::milliseconds time) noexcept;
  // For poll() and questions about the peer.
  virtual int fd() const noexcept = 0;

  void send(std::span<const std::byte> bytes);
};

// A connected socket without encryption.
class SocketStream final : public Stream {
 public:
  explicit SocketStream(nbd::Fd socket) : socket_(std::move(socket)) {}

  using Stream::send;
  size_t receive(std::span<std::byte> buf) override;
  size_t receive(std::span<std::byte> first, std::span<std::byte> second) override;
  void stay_awake(Duration time) noexcept override { stay_awake_ = time; }
  void send(std::span<iovec> parts) override;
  void send(std::span<iovec> parts, FilledPipe& pipe) override;
  bool moves_pages() const noexcept override { return true; }
  void end_input() noexcept override;
  void set_deadline(Deadline deadline) noexcept override { deadline_ = deadline; }
  void abort() noexcept override;
  int fd() const noexcept override { return socket_.get(); }

 private:
  std::optional<ssize_t> receive_awake(std::span<std::byte> buf, Duration time) const;
  void wait_for(short events) const;
  void send_all(std::span<iovec> parts, int flags);

  nbd::Fd socket_;
  Deadline deadline_;
  Duration stay_awake_{};
};

}  // namespace nbdkit
