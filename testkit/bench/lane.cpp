// SPDX-License-Identifier: BSD-3-Clause
#include "bench/lane.hpp"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>

#include "base/error.hpp"
#include "net/socket-io.hpp"

namespace testkit::bench {

namespace wire = nbd::wire;

uint64_t now_ns() {
  return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
                                   std::chrono::steady_clock::now().time_since_epoch())
                                   .count());
}

Lane::Lane(Session session, const Workload& workload, const Pattern& pattern, bool verify,
           unsigned number, unsigned of)
    : session_(std::move(session)),
      workload_(workload),
      pattern_(pattern),
      replies_(workload.depth, verify ? &pattern : nullptr),
      seed_(number) {
  const uint64_t range = workload.range == 0 ? session_.size : workload.range;
  if (range > session_.size || range < workload.block_size) {
    nbd::fail("the export of {} bytes is too small for workload \"{}\"", session_.size,
              workload.text);
  }
  if (workload.writes() && (session_.flags & wire::transmission_flag::kReadOnly) != 0) {
    nbd::fail("the export is read-only, and workload \"{}\" writes", workload.text);
  }
  blocks_ = range / workload.block_size;
  next_ = blocks_ / of * number;
  headers_.reserve(workload.depth * wire::kRequestSize);
}

void Lane::make_request(Slot& slot) {
  wire::Request& r = slot.request;
  const uint64_t choice = nbd::nth_mix(seed_ << 32, choices_++);
  if (workload_.kind == Kind::block_status) {
    r.command = wire::Command::block_status;
  } else {
    const bool write = (choice & 0xffff) % 100 < workload_.write_percent;
    r.command = write ? wire::Command::write : wire::Command::read;
  }
  const uint64_t block = workload_.random ? (choice >> 16) % blocks_ : next_;
  next_ = block + 1 == blocks_ ? 0 : block + 1;
  r.offset = block * workload_.block_size;
  r.length = workload_.block_size;
  r.payload = r.command == wire::Command::write ? r.length : 0;
}

// Neighbours in memory, as the headers of reads are, become one range.
void Lane::enqueue(const wire::Request& r) {
  const size_t at = headers_.size();
  headers_.resize(at + wire::kRequestSize);
  std::byte* header = headers_.data() + at;
  wire::encode_request(header, r);
  if (!out_.empty() &&
      static_cast<std::byte*>(out_.back().iov_base) + out_.back().iov_len == header) {
    out_.back().iov_len += wire::kRequestSize;
  } else {
    out_.push_back({header, wire::kRequestSize});
  }
  if (r.payload > 0) {
    out_.push_back({const_cast<std::byte*>(pattern_.at(r.offset)), r.payload});
  }
}

void Lane::submit() {
  if (unsent()) return;  // headers_ are still needed
  headers_.clear();
  const uint64_t now = now_ns();
  while (Slot* slot = replies_.take_slot()) {
    make_request(*slot);
    slot->sent_ns = now;
    enqueue(slot->request);
  }
  send_more();
}

// Never waits: a server that waits for us to take its replies would wait for ever.
void Lane::send_more() {
  if (out_.empty() && session_.is_unsent()) session_.send({}, MSG_DONTWAIT);
  while (!out_.empty()) {
    const ssize_t sent = session_.send(out_, MSG_DONTWAIT);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
    if (sent < 0) nbd::fail_errno(errno, "send requests");
    auto left = static_cast<size_t>(sent);
    auto it = out_.begin();
    while (it != out_.end() && left >= it->iov_len) left -= (it++)->iov_len;
    out_.erase(out_.begin(), it);
    if (left > 0) {
      out_.front().iov_base = static_cast<std::byte*>(out_.front().iov_base) + left;
      out_.front().iov_len -= left;
    }
  }
}

bool Lane::receive(int flags, Tally& tally) {
  do {
    if (!replies_.receive(session_, flags)) return false;
    replies_.parse(now_ns(), tally);
  } while (session_.has_more());
  return true;
}

void Lane::abort() noexcept { ::shutdown(fd(), SHUT_RDWR); }

void Lane::fill() {
  if ((session_.flags & wire::transmission_flag::kReadOnly) != 0) {
    nbd::fail("the export is read-only, so it cannot be filled");
  }
  Tally tally;
  const uint64_t end = blocks_ * workload_.block_size;
  constexpr uint64_t kPiece = Replies::kBufferSize;
  for (uint64_t at = 0; at < end; at += kPiece) {
    Slot* slot = replies_.take_slot();
    slot->request.command = wire::Command::write;
    slot->request.offset = at;
    slot->request.length = slot->request.payload = std::min(kPiece, end - at);
    slot->sent_ns = now_ns();
    headers_.clear();
    enqueue(slot->request);
    for (const iovec& part : out_) {
      session_.send_all({static_cast<const std::byte*>(part.iov_base), part.iov_len});
    }
    out_.clear();
    while (replies_.in_flight() > 0) receive(0, tally);
  }
}

namespace {

// What a client that never sleeps does until there are replies, or the end.
void look_for_replies(Lane& lane, const std::atomic<Phase>& phase, Tally& tally) {
  while (!lane.receive(MSG_DONTWAIT, tally)) {
    if (phase.load(std::memory_order_relaxed) == Phase::stop) return;
  }
}

// Waits until a lane can go on; a single one that has sent all waits in recv.
void wait_for(std::span<Lane*> lanes, std::vector<pollfd>& fds) {
  fds.clear();
  for (const Lane* lane : lanes) {
    const bool idle = lane->in_flight() == 0;
    const auto events = static_cast<short>(lane->unsent() ? POLLIN | POLLOUT : POLLIN);
    fds.push_back({idle ? -1 : lane->fd(), events, 0});
  }
  const int ready =
      nbd::retry_eintr([&] { return ::poll(fds.data(), fds.size(), kPatienceSeconds * 1000); });
  if (ready < 0) nbd::fail_errno(errno, "poll");
  if (ready == 0) fail_receive(EAGAIN);
}

void publish(Tally& tally, Worker& worker) {
  worker.requests.fetch_add(tally.requests, std::memory_order_relaxed);
  worker.bytes.fetch_add(tally.bytes, std::memory_order_relaxed);
  tally.requests = tally.bytes = 0;
}

}  // namespace

void run_lanes(std::span<Lane*> lanes, const std::atomic<Phase>& phase, Worker& worker) {
  Tally tally;
  std::vector<pollfd> fds;
  bool measuring = false;
  for (;;) {
    const Phase now = phase.load(std::memory_order_relaxed);
    if (now == Phase::stop) break;
    if (now == Phase::measure && !measuring) {
      tally.latency = Histogram();
      measuring = true;
    }
    for (Lane* lane : lanes) lane->submit();
    if (lanes.size() == 1 && lanes[0]->is_awake() && !lanes[0]->unsent()) {
      look_for_replies(*lanes[0], phase, tally);
    } else if (lanes.size() == 1 && !lanes[0]->unsent()) {
      lanes[0]->receive(0, tally);
    } else {
      wait_for(lanes, fds);
      for (size_t i = 0; i < lanes.size(); ++i) {
        if ((fds[i].revents & POLLOUT) != 0) lanes[i]->send_more();
        if ((fds[i].revents & ~POLLOUT) != 0) lanes[i]->receive(MSG_DONTWAIT, tally);
      }
    }
    publish(tally, worker);
  }
  worker.latency.merge(tally.latency);
  Tally rest;  // what is answered after the end counts no more, but is checked
  for (Lane* lane : lanes) {
    while (lane->in_flight() > 0) {
      wait_for({&lane, 1}, fds);
      lane->send_more();
      lane->receive(MSG_DONTWAIT, rest);
    }
    lane->disconnect();
  }
}

}  // namespace testkit::bench
