// SPDX-License-Identifier: BSD-3-Clause
//
// A process that is killed while it waits for a server that does not answer is
// let go: its request is answered with EINTR, and what comes from the server
// later is dropped.
//
// The kernel tells of signals for some requests only (for none of O_DIRECT), and
// tells of them once, of whatever kind. So who asked is looked at, as long as a
// request lasts longer than kPatience.
//
// Threads: a Reply belongs to the operation that answers. A thread of its own
// looks after the callers; it sleeps while there are none.
#pragma once

#define FUSE_USE_VERSION 35
#include <fuse3/fuse_lowlevel.h>

#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "limits.hpp"

namespace nbdfuse {

class Callers;

// The one answer to a request. Made when it arrives, and claimed before it goes.
class Reply {
 public:
  // slot: below kMaxInFlight, no other Reply's of this time.
  Reply(Callers& callers, fuse_req_t req, unsigned slot);
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;

  // Once: the request, which is to be answered now, or null if that was done.
  fuse_req_t claim() noexcept;

 private:
  friend class Callers;
  Callers& callers_;
  const fuse_req_t req_;
  const unsigned slot_;
  unsigned rounds_ = 0;  // of the watcher; its own while it has the Reply
};

class Callers {
 public:
  // They are looked after as long as this is there.
  class Watch {
   public:
    explicit Watch(Callers& callers);

   private:
    std::jthread thread_;
  };

 private:
  friend class Reply;
  void watch(const std::stop_token& stopping) noexcept;
  bool look_at_all() noexcept;

  // Who sets a slot to null has the Reply: the operation for good, the watcher
  // under mutex_, until it puts it back or has answered.
  std::array<std::atomic<Reply*>, kMaxInFlight> slots_{};
  std::mutex mutex_;
  std::condition_variable_any arrived_;
  std::atomic<bool> asleep_{false};
};

}  // namespace nbdfuse
