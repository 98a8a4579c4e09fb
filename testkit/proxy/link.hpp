// SPDX-License-Identifier: BSD-3-Clause
//
// One connection through the proxy, from accept to the end of both sides.
//
// Threads: run() in one of its own, which starts two more, one for each direction. They
// share the Conversation under one lock; a socket is written to by both, since a fault may
// answer in the server's place, under a lock of its own. Nobody blocks but in poll(),
// beside an event that says that the connection is over.
#pragma once

#include <condition_variable>
#include <mutex>

#include "base/fd.hpp"
#include "net/wait.hpp"
#include "proxy/conversation.hpp"
#include "proxy/delivery.hpp"
#include "proxy/faults.hpp"
#include "proxy/tls-end.hpp"
#include "proxy/trace.hpp"
#include "proxy/written.hpp"

namespace testkit::proxy {

class Link {
 public:
  Link(nbd::Fd client, nbd::Fd server, uint64_t number, Faults& faults, Trace& trace,
       const Interrupt& quit, const TlsCredentials* tls, WrittenDisk* written);

  // Until both sides are closed, or one was cut off.
  void run();

 private:
  struct Held {
    Buffer bytes;
    uint64_t left;  // messages that go first
  };
  struct Direction {
    bool from_client;
    int from, to;  // sockets
    std::mutex* to_lock;
    std::mutex* from_lock;
    Incoming incoming;
    std::vector<Held> held;
    Buffer merged;
    uint64_t merge_left = 0;
  };

  void open();
  void pump(Direction& d) noexcept;
  bool pass_messages(Direction& d);
  std::optional<Message> next(Direction& d, std::vector<Fired>& fired, Delivery& delivery);
  bool starts_tls(const Message& m) const;
  bool start_tls(Direction& up);
  bool carry_out(Direction& d, const Delivery& delivery);
  bool send_with_stops(Direction& d, const Delivery& delivery);
  bool release(Direction& d, bool all);
  bool receive(Direction& d);
  bool wait_for_server(const Direction& d);
  // False if the connection is over.
  bool send(int fd, std::mutex& lock, nbd::wire::Bytes bytes);
  TlsSession* tls_of(int fd);
  void alert(uint8_t number);
  bool ready(int fd, short events, std::optional<Duration> time, bool& timed_out);
  bool pause(std::optional<Duration> time);
  void follow_writes(const Message& m, const Delivery& delivery);
  void note(const Message& m, const std::vector<Fired>& fired, const Delivery& delivery);
  void say(std::string text);
  void cut(bool reset);
  void close_sockets();

  const nbd::Fd client_, server_;
  const uint64_t number_;
  Faults& faults_;
  Trace& trace_;
  const Interrupt& quit_;
  nbd::Fd over_;      // an event: readable once the connection is over
  std::mutex mutex_;  // guards the conversation and what follows
  std::condition_variable changed_;
  Conversation conversation_;
  std::vector<uint64_t> ended_replies_;  // cookies
  bool cut_ = false, reset_ = false;
  std::mutex client_lock_, server_lock_;     // held while a message is sent there
  const TlsCredentials* const credentials_;  // none: TLS is passed on
  WrittenDisk* const written_;               // if anybody wants to know
  // Made by the thread that reads the client, under client_lock_.
  std::optional<TlsSession> tls_;
};

}  // namespace testkit::proxy
