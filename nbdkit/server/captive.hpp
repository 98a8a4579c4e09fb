// SPDX-License-Identifier: BSD-3-Clause
//
// --run: a command that the server lives for.
#pragma once

#include <chrono>
#include <string>

#include "base/process.hpp"
#include "server/endpoint.hpp"
#include "server/options.hpp"
#include "server/standard-streams.hpp"

namespace nbdkit {

class Command {
 public:
  // Starts nothing yet; without --run there never is anything. The arguments are
  // borrowed.
  Command(const Options& options, const Endpoint& endpoint)
      : options_(options), endpoint_(endpoint) {}

  bool wanted() const { return !options_.run.empty(); }
  bool started() const { return static_cast<bool>(child_); }

  // Under /bin/sh with $uri, $nbd, $port, $unixsocket, $exportname, $tls,
  // $tls_certificates and $tls_psk set (as shell variables, not in its
  // environment), on the streams that we were started with, and in our process
  // group.
  void start(const StandardStreams& streams);

  // For poll(): readable when it has ended; -1 if there is none.
  int ended_fd() const { return child_ ? child_.pidfd() : -1; }

  // Its exit status once it has ended; 0 if there is none. After a signal the
  // command is told to end as well, with all that it has started, and is killed
  // if it does not within `grace`. A server that ends by itself waits for it.
  int finish(std::chrono::milliseconds grace);

 private:
  void end(std::chrono::milliseconds grace);

  const Options& options_;
  const Endpoint& endpoint_;
  nbd::Child child_;
};

}  // namespace nbdkit
