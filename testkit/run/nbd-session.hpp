// SPDX-License-Identifier: BSD-3-Clause
//
// One connection made by libnbd, every call of it with a deadline. libnbd has
// no timeouts, so only its asynchronous calls are used, and poll() is ours.
//
// Threads: a session and its errors (thread-local in libnbd) belong to the
// thread that made it.
#pragma once

#include <libnbd.h>

#include <cstddef>
#include <functional>
#include <list>
#include <memory>
#include <string>
#include <vector>

#include "net/endpoint.hpp"
#include "net/wait.hpp"

namespace testkit {

// How a call ended.
struct Outcome {
  enum class End { success, error, timeout, interrupted };
  End end = End::success;
  int errnum = 0;       // of an error; 0 where libnbd has none (in the handshake)
  std::string message;  // of an error

  bool ok() const { return end == End::success; }
  bool finished() const { return end == End::success || end == End::error; }
};

// A request that was sent, and what came back.
struct Sent {
  Request request;
  std::vector<std::byte> buffer;  // read from, or written to, the disk
  std::vector<Extent> extents;
  std::vector<Extent> chunks;  // of a read in pieces
  Outcome outcome;
  int64_t cookie = 0;
};

class NbdSession {
 public:
  explicit NbdSession(const Interrupt& interrupt);

  Outcome connect(const Endpoint& endpoint, const std::string& export_name, const Connect& settings,
                  const Deadline& deadline);
  // The names that `list` gives are left in exports().
  Outcome option(const Option& option, const Deadline& deadline);
  const std::vector<std::string>& exports() const { return option_.exports; }
  Outcome disconnect(const Deadline& deadline);

  // Requests come from next() until it gives none; at most `in_flight` of them
  // are unanswered at a time. Each that ends is given to done(), in the order of
  // the replies. The outcome is an error only where libnbd itself fails; those
  // of the requests are theirs.
  using Next = std::function<std::unique_ptr<Sent>()>;
  using Done = std::function<void(Sent&)>;
  Outcome perform(unsigned in_flight, const Next& next, const Done& done, const Deadline& deadline);

  bool connected() const;
  nbd_handle* handle() const { return handle_.get(); }  // to ask what was negotiated

 private:
  struct Close {
    void operator()(nbd_handle* h) const { nbd_close(h); }
  };
  // What an option's callbacks write to; not on the stack, since after a
  // timeout the option is still under way.
  struct OptionReplies {
    std::vector<std::string> exports;
    int errnum = 0;
  };

  Outcome turn(const Deadline& deadline);
  Outcome wait_while(int (*condition)(nbd_handle*), const Deadline& deadline);
  bool send(Sent& sent);
  void retire(const Done& done);

  const Interrupt& interrupt_;
  OptionReplies option_;
  // Buffers of unanswered requests: they end after the handle, which uses them.
  std::list<std::unique_ptr<Sent>> in_flight_;
  std::unique_ptr<nbd_handle, Close> handle_;
};

}  // namespace testkit
