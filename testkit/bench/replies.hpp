// SPDX-License-Identifier: BSD-3-Clause
//
// The client's half of transmission: which requests are in flight, and replies
// parsed from what one large read brought, each checked against its request.
//
// Threads: a Replies belongs to one thread.
#pragma once

#include <cstdint>
#include <vector>

#include "base/page-aligned.hpp"
#include "bench/pattern.hpp"
#include "bench/stats.hpp"
#include "net/connect.hpp"
#include "wire/messages.hpp"

namespace testkit::bench {

struct Slot {
  nbd::wire::Request request{};
  uint64_t sent_ns = 0;
  uint64_t received = 0;  // bytes of data, or holes
  bool answered = false;  // block status has come
  bool busy = false;
};

// What has been answered since it was last looked at.
struct Tally {
  uint64_t requests = 0;
  uint64_t bytes = 0;
  Histogram latency;
};

class Replies {
 public:
  // One recv: 64 replies of 4 KiB come with it, and it stays in the second-level cache.
  static constexpr size_t kBufferSize = 256 << 10;

  // verify: data must be the pattern's; nullptr: it is not looked at.
  Replies(unsigned depth, const Pattern* verify);

  // A slot for a new request, or nullptr when `depth` are in flight. Its cookie is set.
  Slot* take_slot();
  unsigned in_flight() const { return in_flight_; }

  // Receives once; flags as for recv(2). False: nothing was there (MSG_DONTWAIT).
  // Throws an Error when the server closes, errs or answers what was not asked.
  bool receive(const Session& session, int flags);
  // Replies that are complete in what was received, taken as received at now_ns.
  void parse(uint64_t now_ns, Tally& tally);

 private:
  bool parse_head(uint64_t now_ns, Tally& tally);
  bool parse_simple(uint64_t now_ns, Tally& tally);
  bool parse_chunk(uint64_t now_ns, Tally& tally);
  bool parse_error_chunk(Slot& slot, size_t length);
  void start_data(Slot& slot, uint64_t offset, uint64_t length, bool done);
  void take_payload(uint64_t now_ns, Tally& tally);
  Slot& slot_of(uint64_t cookie);
  void complete(Slot& slot, uint64_t now_ns, Tally& tally);

  size_t available() const { return end_ - begin_; }

  const Pattern* verify_;
  std::vector<Slot> slots_;
  std::vector<uint32_t> free_;
  uint64_t sequence_ = 0;
  unsigned in_flight_ = 0;

  // Behind the front of a page, so that the data behind a header is aligned.
  static constexpr size_t kFront = nbd::kDataAlignment - nbd::wire::kSimpleReplySize;
  const nbd::PageAligned memory_;
  std::byte* const buffer_;
  size_t begin_ = 0, end_ = 0;
  // A payload that has not all come.
  Slot* current_ = nullptr;
  uint64_t payload_left_ = 0;
  uint64_t position_ = 0;  // disk offset of its next byte
  bool is_data_ = false;   // else descriptors, which are not looked into
  bool is_last_ = false;   // the reply ends with it
};

}  // namespace testkit::bench
