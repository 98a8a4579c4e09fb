// SPDX-License-Identifier: BSD-3-Clause
//
// Stands between any client and any server, follows what they say, and does to it what
// the rules say.
//
// Threads: one that accepts, three for each connection (see link.hpp). The others' doing
// is seen through trace() and counts(), which any thread may call.
#pragma once

#include <atomic>
#include <list>
#include <thread>

#include "net/connect.hpp"
#include "proxy/link.hpp"

namespace testkit::proxy {

// A socket that listens there. A port of "0" is a free one; `address` then says which.
// Throws an Error.
nbd::Fd listen_at(Address& address);

class Proxy {
 public:
  struct Settings {
    Address server;
    std::vector<Rule> rules;
    uint64_t seed = 0;
    std::string trace_file;          // empty: none
    WrittenDisk* written = nullptr;  // is told of all writes; outlives the proxy
    std::optional<TlsSettings> tls;  // end the clients' TLS; the server has none
  };

  // Serves on the socket until its end. Throws an Error if the trace cannot be written.
  Proxy(nbd::Fd listening, Settings settings);
  // Cuts off who is still connected.
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  const Trace& trace() const { return trace_; }
  // How often each rule has fired.
  std::vector<uint64_t> counts() const { return faults_.counts(); }
  uint64_t connections() const { return connections_; }

 private:
  struct Running {
    std::jthread thread;
    std::atomic<bool> done = false;
  };
  void accept_clients();
  void serve(nbd::Fd client, uint64_t number) noexcept;

  const nbd::Fd listening_;
  const Settings settings_;
  const std::optional<TlsCredentials> credentials_;
  Faults faults_;
  Trace trace_;
  Interrupt quit_;
  std::atomic<uint64_t> connections_ = 0;
  std::list<Running> running_;  // touched by the accepting thread alone
  std::jthread accepting_;      // the last member: it uses the others
};

}  // namespace testkit::proxy
