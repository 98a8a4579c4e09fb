// SPDX-License-Identifier: BSD-3-Clause
//
// A channel of libnbd's own state machine: for TLS.
//
// Threads: the loop's thread alone, so libnbd's thread-local errors and callbacks,
// which may run inside any nbd_aio_* call, are that thread's too.
#pragma once

#include <vector>

#include "channel.hpp"

namespace nbdfuse {

class LibnbdChannel final : public Channel {
 public:
  LibnbdChannel(Handle connected, Answered answered);

  void issue(Request& request) override;
  void work() override;
  void ready(uint32_t events) override;
  Loop::Client::Wish wish() const override;
  bool gone() const override;
  const std::string& why_gone() const override { return why_gone_; }
  bool idle() const override { return flights_.empty(); }
  RequestQueue take_flights() override;
  void disconnect() noexcept override;

 private:
  struct Flight {
    int64_t cookie;
    Request* request;
  };
  int64_t send(Request& request);
  void answer(Request& request, int errnum);

  const Handle handle_;
  const Answered answered_;
  std::vector<Flight> flights_;
  RequestQueue kept_;  // failed because the server has gone
  std::string why_gone_ = "it closed the connection";
};

}  // namespace nbdfuse
