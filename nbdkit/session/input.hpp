// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <cstddef>
#include <span>

#include "base/mapped-buffer.hpp"
#include "base/page-aligned.hpp"
#include "session/channel.hpp"
#include "session/limits.hpp"
#include "wire/protocol.hpp"

namespace nbdkit {

// What a client has sent and nobody has decoded yet. Reads as much as the
// socket has with one system call; handshake and transmission share one, since
// what is read for the former may belong to the latter. While large writes come that are
// kept elsewhere, their data is received there, and only a little is read ahead.
//
// The buffer begins so that the data behind a request at its beginning is aligned
// (base/page-aligned.hpp); behind a longer header it is far enough from the page, too.
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
  void use_all() { usable_ = limits::kInputBuffer; }

 private:
  std::byte* front() { return buffer_.data() + kFront; }
  std::span<std::byte> room() { return {front() + end_, usable_ - end_}; }

  static constexpr size_t kFront = nbd::kDataAlignment - nbd::wire::kRequestSize;

  Channel& channel_;
  nbd::MappedBuffer buffer_{kFront + limits::kInputBuffer};
  size_t usable_ = limits::kHandshakeInput;
  size_t begin_ = 0, end_ = 0;  // of what is there, behind front()
  bool large_ = false;          // what was read last
};

}  // namespace nbdkit
