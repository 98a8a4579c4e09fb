// SPDX-License-Identifier: BSD-3-Clause
//
// One NBD connection: a libnbd handle and the thread that drives it.
//
// Threads: until start() the handle belongs to who connected it. From then on
// only the connection's own thread touches it, so libnbd's thread-local errors
// and callbacks, which may run inside any nbd_aio_* call, are that thread's too.
// Others put requests in a queue, under a lock, and wake the thread by an
// eventfd if it sleeps. Requests are completed on the connection's thread, or
// inside submit() once the server is lost.
#pragma once

#include <libnbd.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "remote.hpp"

namespace nbdfuse {

struct CloseHandle {
  void operator()(nbd_handle* handle) const noexcept { nbd_close(handle); }
};
using Handle = std::unique_ptr<nbd_handle, CloseHandle>;

inline constexpr const char* kAllocationContext = "base:allocation";

// libnbd's last error in this thread, without the name of the function.
std::string last_nbd_error();

class Connection {
 public:
  explicit Connection(Handle connected);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  // Says goodbye to the server. REQUIRES: nothing is in flight.
  ~Connection();

  void start();
  void submit(Request& request) noexcept;

  // Requests submitted and not completed.
  unsigned load() const noexcept { return load_.load(std::memory_order_relaxed); }
  bool lost() const noexcept { return lost_.load(std::memory_order_relaxed); }

 private:
  struct Queue {  // first in, first out
    Request* head = nullptr;
    Request* tail = nullptr;
    void push(Request& request);
  };
  struct Flight {
    int64_t cookie;
    Request* request;
  };

  void run() noexcept;
  std::optional<int> poll_timeout_ms();
  void issue_queued();
  int64_t issue(Request& request);
  void wait_and_notify(int timeout_ms);
  void reap();
  void lose() noexcept;
  void disconnect() noexcept;
  void finish(Request& request, int errnum) noexcept;
  void wake() noexcept;

  Handle handle_;
  nbd::Fd wake_;
  std::vector<Flight> flights_;                        // the thread's own
  std::string why_lost_ = "it closed the connection";  // likewise

  std::mutex mutex_;
  Queue queue_;            // under mutex_
  bool sleeping_ = false;  // under mutex_: the thread needs wake_ to see the queue
  bool stopping_ = false;  // under mutex_

  std::atomic<unsigned> load_{0};
  std::atomic<bool> lost_{false};  // written under mutex_
  std::jthread thread_;            // last: stops before the rest goes
};

}  // namespace nbdfuse
