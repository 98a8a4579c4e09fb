// SPDX-License-Identifier: BSD-3-Clause
//
// What carries the requests of one connection once it is open: a socket that we
// read and write ourselves (plain-channel.hpp), or, under TLS, libnbd
// (libnbd-channel.hpp).
//
// Threads: all of it in the thread of the connection's loop.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "connect.hpp"
#include "loop.hpp"
#include "remote.hpp"

namespace nbdfuse {

class Channel {
 public:
  // Called for a request that is done: 0, or what the server said, or EIO. Never for
  // those that are in flight when the server goes.
  using Answered = std::function<void(Request&, int errnum)>;

  virtual ~Channel() = default;

  // Takes it in flight, or answers it. Sent by work() at the latest.
  virtual void issue(Request& request) = 0;
  // What can be done without waiting.
  virtual void work() = 0;
  virtual void ready(uint32_t events) = 0;
  virtual Loop::Client::Wish wish() const = 0;

  // Whether the server is, and why; what it left unanswered, in the order in which
  // it was issued.
  virtual bool gone() const = 0;
  virtual const std::string& why_gone() const = 0;
  virtual bool idle() const = 0;  // nothing is in flight
  virtual RequestQueue take_flights() = 0;

  // Asks the server to close and waits for that a while: not for ever, since a
  // server that does not answer must not keep us from ending. REQUIRES: idle()
  virtual void disconnect() noexcept = 0;
};

std::unique_ptr<Channel> make_channel(Handle connected, Channel::Answered answered);

}  // namespace nbdfuse
