// SPDX-License-Identifier: BSD-3-Clause
//
// What the rest of nbdfuse knows of an NBD server: the facts of one export, and
// a place to hand requests to. Behind it are libnbd connections (nbd-remote.hpp)
// or, in tests, plain memory.
#pragma once

#include <nbdkit/error.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace nbdfuse {

using nbd::Status;

// What was negotiated. Does not change while the export is open.
struct Export {
  uint64_t size = 0;  // bytes
  bool read_only = false;
  bool can_flush = false;
  bool can_zero = false;
  bool can_trim = false;
  bool can_block_status = false;  // base:allocation
  uint64_t minimum_block = 1;     // a power of two; offsets and lengths are multiples of it
  uint64_t preferred_block = 4096;
  uint64_t maximum_block = 1 << 20;  // of a read or write; a multiple of minimum_block
};

enum class Command { read, write, flush, zero, trim, block_status };

constexpr const char* command_name(Command command) {
  constexpr const char* kNames[] = {"read", "write", "flush", "zero", "trim", "block status"};
  return kNames[static_cast<size_t>(command)];
}

struct Extent {
  uint64_t offset;
  uint64_t length;
  bool zero;  // reads as zeroes; whether it is allocated does not matter here
};

struct Request;

class Completion {
 public:
  // Called once for each submitted request, in any thread, also from inside
  // submit(). request.status is set; the request is the caller's again.
  virtual void completed(Request& request) noexcept = 0;

 protected:
  ~Completion() = default;
};

// One NBD command. Owned by who submits it; data, extents and the request itself
// stay where they are until its completion.
struct Request {
  Command command = Command::flush;
  uint64_t offset = 0;
  uint64_t length = 0;          // read, write: at most maximum_block; others: kMaxSpan
  std::byte* data = nullptr;    // read: filled; write: only looked at
  bool allocate = false;        // zero: leave no hole
  std::vector<Extent> extents;  // block_status: in order, from offset on

  Completion* completion = nullptr;
  Status status;

  // The remote's own while the request is submitted.
  Request* next = nullptr;
  std::chrono::steady_clock::time_point issued;
};

// First in, first out. A request is in one at a time.
class RequestQueue {
 public:
  bool empty() const { return head_ == nullptr; }
  void push(Request& request) {
    request.next = nullptr;
    (head_ == nullptr ? head_ : tail_->next) = &request;
    tail_ = &request;
  }
  void push_all(RequestQueue more) {
    if (more.empty()) return;
    (head_ == nullptr ? head_ : tail_->next) = more.head_;
    tail_ = more.tail_;
  }
  Request& pop() {  // REQUIRES: not empty
    Request& first = *head_;
    head_ = first.next;
    return first;
  }
  const Request* first() const { return head_; }

 private:
  Request* head_ = nullptr;
  Request* tail_ = nullptr;
};

class Remote {
 public:
  virtual ~Remote() = default;
  virtual const Export& exported() const = 0;
  // Never waits. Any thread. The request keeps to the export's block sizes and
  // size. A server that is gone completes it with EIO.
  virtual void submit(Request& request) noexcept = 0;
};

}  // namespace nbdfuse
