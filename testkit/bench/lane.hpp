// SPDX-License-Identifier: BSD-3-Clause
//
// One connection under load: keeps `depth` requests in flight, sends all that are
// new with one system call.
//
// Threads: a Lane belongs to one thread; only abort() may be called in another.
#pragma once

#include <sys/uio.h>

#include <atomic>
#include <span>
#include <vector>

#include "bench/replies.hpp"
#include "bench/workload.hpp"
#include "net/connect.hpp"

namespace testkit::bench {

// What a worker shows while it runs, and leaves behind.
struct alignas(64) Worker {
  std::atomic<uint64_t> requests = 0, bytes = 0;
  Histogram latency;  // of what was answered while measuring
  std::string error;  // it ended early
};

enum class Phase : int { warm_up, measure, stop };

class Lane {
 public:
  // number of `of`: which part of the disk a sequential one begins with.
  Lane(Session session, const Workload& workload, const Pattern& pattern, bool verify,
       unsigned number, unsigned of);

  int fd() const { return session_.socket.get(); }
  bool unsent() const { return !out_.empty() || session_.is_unsent(); }
  bool is_awake() const { return workload_.awake; }
  unsigned in_flight() const { return replies_.in_flight(); }

  // As many requests as fit; sends as much as goes without waiting.
  void submit();
  void send_more();
  bool receive(int flags, Tally& tally);
  void disconnect() { send_disconnect(session_); }
  // Every wait of the lane ends with an error.
  void abort() noexcept;
  // Writes the pattern over all that the workload may read.
  void fill();

 private:
  void make_request(Slot& slot);
  void enqueue(const nbd::wire::Request& request);

  Session session_;
  const Workload& workload_;
  const Pattern& pattern_;
  Replies replies_;
  uint64_t blocks_ = 0;  // of the range
  uint64_t next_ = 0;    // block of a sequential workload
  uint64_t seed_;
  uint64_t choices_ = 0;
  std::vector<std::byte> headers_;  // of what out_ sends; never grows past its capacity
  std::vector<iovec> out_;
};

// Keeps the lanes loaded until `phase` is stop, waits for what is in flight then.
void run_lanes(std::span<Lane*> lanes, const std::atomic<Phase>& phase, Worker& worker);

uint64_t now_ns();

}  // namespace testkit::bench
