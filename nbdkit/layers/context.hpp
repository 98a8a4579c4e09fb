// SPDX-License-Identifier: BSD-3-Clause
//
// What a plugin may ask about the moment it is called in: which client, which
// request, which server. The C interface has no argument for it, so this is the
// edge where a thread-local and a process-wide value stand in.
//
// Threads: current is one per thread. Client is shared by the threads that work
// for that client; its members say what guards them. Server is set up before
// there are threads.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>

namespace nbdkit {

// Strings that live as long as this does, handed to plugins as C pointers.
class InternedStrings {
 public:
  const char* add(std::string_view text) {
    const std::lock_guard lock(mutex_);
    return strings_.emplace_back(text).c_str();
  }

 private:
  std::mutex mutex_;
  std::deque<std::string> strings_;  // a deque: growing moves none of them
};

enum class Disconnect { no, soft, force };

// What is still to come from a client. One that said goodbye (NBD_CMD_DISC) has
// what it asked for done; one that just went away need not be waited for.
enum class Hearing { open, goodbye, gone };

// One connected client, as plugins see it. Outlives every request of it.
struct Client {
  int socket = -1;  // borrowed; -1 if there is none to ask
  bool tls = false;
  std::string export_name;            // fixed before the first request
  std::string tls_dn, tls_issuer_dn;  // likewise; of its certificate, if that was verified
  std::string log_name;               // "memory[1]": fixed
  uint64_t number = 0;                // "1" of it: fixed
  const std::chrono::steady_clock::time_point connected = std::chrono::steady_clock::now();
  InternedStrings interned;
  std::atomic<Disconnect> disconnect{Disconnect::no};
  std::atomic<Hearing> hearing{Hearing::open};
};

// Requests are numbered by kind (nbd::Op) as they arrive, from 1, over all
// connections: before they part for different threads, so that one client's
// requests have the same numbers whenever it does the same things again.
constexpr unsigned kKindsOfRequest = 7;
using Arrivals = std::array<std::atomic<uint64_t>, kKindsOfRequest>;
struct Arrival {
  unsigned kind = kKindsOfRequest;  // none
  uint64_t number = 0;
  uint64_t of_client = 0;  // counted for this connection alone
};

// The place that a request has among those which its connection may have under
// way: given back while the request only waits, see nbdkit_step_aside.
class Place {
 public:
  virtual bool step_aside() noexcept = 0;  // false: it stays
  virtual void step_back() noexcept = 0;

 protected:
  ~Place() = default;
};

// What this thread works on.
struct Context {
  Client* client = nullptr;
  int error = 0;           // nbdkit_set_error
  bool is_worker = false;  // not the thread that reads the client's requests
  Place* place = nullptr;  // of a worker's request
  Arrival arrival;
  const char* callback = nullptr;  // of the plugin, while it runs
  uint64_t serial = 0;             // of the piece of work, in this thread
};
inline thread_local Context current;

// What a plugin or filter has said last by nbdkit_error in this thread, since the
// piece of work began; empty if nothing. For the client whose work it is.
void begin_work() noexcept;
std::string last_error();
void remember_error(std::string_view text) noexcept;

// Sets current for a scope: the client's own thread, or a worker with a request.
class ClientScope {
 public:
  explicit ClientScope(Client& client) {
    current = {.client = &client};
    begin_work();
  }
  ClientScope(Client& client, Arrival arrival, Place& place) {
    current = {.client = &client, .is_worker = true, .place = &place, .arrival = arrival};
    begin_work();
  }
  ~ClientScope() { current = saved_; }
  ClientScope(const ClientScope&) = delete;
  ClientScope& operator=(const ClientScope&) = delete;

 private:
  const Context saved_ = current;
};

// The process, as plugins see it.
struct Server {
  int quit_fd = -1;             // an eventfd: readable for ever once the server ends
  std::string start_directory;  // relative parameters are relative to this
  std::atomic<bool> stdio_safe{true};
  InternedStrings interned;

  void request_quit() noexcept;  // async-signal-safe
  bool quitting() const noexcept;
};
Server& server();

}  // namespace nbdkit
