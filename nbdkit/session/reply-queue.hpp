// SPDX-License-Identifier: BSD-3-Clause
//
// Replies on their way to one client.
//
// Whoever has a reply ready when nobody is sending becomes the sender, and
// takes along what others have put in the meantime: one system call for many
// replies, and no worker waits for a slow client but the one that sends.
//
// A request that waits for a time, not for the plugin, may step aside: others
// begin in its place meanwhile.
//
// Threads: post() and the two steps from workers, the rest from the thread that
// reads the connection's requests.
#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <vector>

#include <nbdkit/loan.hpp>

#include "net/stream.hpp"
#include "session/budget.hpp"
#include "session/buffers.hpp"
#include "wire/reply.hpp"

namespace nbdkit {

// What a request holds from begin() to the end of its reply.
struct Held {
  uint64_t bytes = 0;
  bool counted = false;  // by the server's budget as well
};

// A whole reply: bytes of its own and, behind them, what is sent from where it is,
// lent memory; or else all of it in a pipe.
struct Reply {
  Buffer bytes;  // none: they are in brief
  size_t size = 0;
  std::array<std::byte, sizeof(nbd::wire::ReplyHeader::bytes)> brief;
  Held held = {};  // what its request counts towards the bytes in flight
  Budget::Lease lease = {};
  nbd::Loan loan = {};
  std::optional<FilledPipe> pipe = {};

  std::span<std::byte> own() { return {bytes ? bytes.get() : brief.data(), size}; }
};

class ReplyQueue {
 public:
  ReplyQueue(Stream& stream, unsigned max_in_flight)
      : stream_(stream), max_in_flight_(max_in_flight) {
    // post() must not fail, so the room is made now.
    queue_.reserve(max_in_flight);
    batch_.reserve(max_in_flight);
  }

  // Waits until one more request may be given to the workers.
  void begin(Held held);
  // The same if it may at once; else false.
  bool begin_now(Held held);
  // The end of a request that was begun, whose reply goes another way.
  void end(Held held);
  // The reply to a request for which begin() was called. Never throws: a client
  // that is gone is noticed by the thread that reads.
  void post(Reply reply) noexcept;
  // Makes room for another request, until step_back() waits for a place again.
  // False: there are too many aside, and this one keeps its place.
  bool step_aside(const Held& held) noexcept;
  void step_back(const Held& held) noexcept;
  // Waits for all that was begun.
  void wait_until_idle();

  // Sends and returns when that is done. Throws if the client is gone.
  void send(std::span<iovec> parts);
  void send(std::span<const std::byte> bytes);
  void send(Reply& reply);

 private:
  bool may_begin(const Held& held) const;
  void count(const Held& held);
  void uncount(const Held& held);
  template <class Condition>
  void wait(std::unique_lock<std::mutex>& lock, Condition&& condition);
  void tell_change();
  template <class Call>
  void as_sender(Call&& call);
  void drain(std::unique_lock<std::mutex>& lock) noexcept;
  void send_batch() noexcept;
  void send_replies(std::span<Reply> replies);

  Stream& stream_;
  const unsigned max_in_flight_;

  std::mutex mutex_;
  std::condition_variable changed_;  // only the thread that reads waits
  std::condition_variable place_;    // those who step back wait
  std::vector<Reply> queue_;
  std::vector<Reply> batch_;  // what the sender has taken: its alone
  std::vector<iovec> parts_;  // of the batch; the sender's too
  bool sending_ = false;
  bool waiting_ = false;  // that thread is, for changed_
  bool broken_ = false;   // the client is gone: replies are dropped
  unsigned in_flight_ = 0;
  unsigned aside_ = 0;          // not in flight, and
  unsigned stepping_back_ = 0;  // of them: wait for a place
  uint64_t bytes_aside_ = 0;
  uint64_t bytes_in_flight_ = 0;
  uint64_t uncounted_ = 0;  // of those
};

}  // namespace nbdkit
