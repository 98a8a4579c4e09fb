// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <span>

#include "base/mapped-buffer.hpp"
#include "session/channel.hpp"
#include "session/limits.hpp"

namespace nbdkit {

// What a client has sent and nobody has decoded yet. Reads as much as the
// socket has with one system call; handshake and transmission share one, since
// what is read for the former may belong to the latter.
class Input {
 public:
  explicit Input(Channel& channel) : channel_(channel) {}

  // Bytes that can be had without waiting for the client.
  size_t buffered() const { return end_ - begin_; }

  // The next `count` bytes, which stay valid until the next call of need() or
  // read(); they are not taken yet. nullptr if the stream ends before the
  // first of them; an Error if it ends within them.
  // REQUIRES: count <= limits::kInputBuffer, or kHandshakeInput before use_all().
  const std::byte* need(size_t count);
  void take(size_t count) { begin_ += count; }

  // Fills out, past the buffer where that is shorter; an Error at the end.
  void read(std::span<std::byte> out);
  // Takes bytes that nobody wants.
  void skip(size_t count);
  // The whole buffer, not only what a handshake needs.
  void use_all() { usable_ = buffer_.size(); }

 private:
  Channel& channel_;
  nbd::MappedBuffer buffer_{limits::kInputBuffer};
  size_t usable_ = limits::kHandshakeInput;
  size_t begin_ = 0, end_ = 0;
};

}  // namespace nbdkit
