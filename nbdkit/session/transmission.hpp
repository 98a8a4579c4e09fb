// SPDX-License-Identifier: BSD-3-Clause
//
// The transmission phase of one connection: from requests to replies.
//
// One thread leads: it reads as much as the socket has, serves in place every
// request that cannot block, gathers the replies and sends them with one call
// when it runs out of requests. What may block, but has been quick of late
// (session/pace.hpp), it serves as well, watched: if that takes long after all, a
// worker leads on, and the thread that is stuck sends that one reply by itself.
// One that is likely to take long it serves, too, if no other is there yet, and
// has somebody lead on at once: who is woken for that is not waited for. All else
// that may block goes to the worker pool. At most `threads` requests that may block
// are served at a time; a reply goes out when it is ready, before or after others.
// Under a stricter thread model than parallel all of it happens in place, one
// request after the other.
//
// Threads: run() in the connection's thread, which leads at first, and again when
// it is free and the stand-in has nothing to do or passes the lead on. perform()
// in workers.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>

#include "base/mapped-buffer.hpp"
#include "base/page-aligned.hpp"
#include "layers/context.hpp"
#include "session/budget.hpp"
#include "session/expectation.hpp"
#include "session/export.hpp"
#include "session/input.hpp"
#include "session/pace.hpp"
#include "session/reply-queue.hpp"
#include "session/watchdog.hpp"
#include "session/worker-pool.hpp"
#include "wire/reply.hpp"

namespace nbdkit {

struct TransmissionOptions {
  Export::Negotiated negotiated;
  unsigned threads = 16;               // requests at the same time, with the parallel model
  bool parallel = true;                // the thread model is, or all_requests is held
  std::mutex* all_requests = nullptr;  // held around each request, if given
  Arrivals* arrivals = nullptr;        // counts requests; of all connections
  Budget& budget;                      // of all connections
};

// Where there was no hole when somebody last looked: not worth another look. A
// hint that is out of date, or torn by threads that set it at once, costs a hole
// that is sent as zeroes.
class KnownData {
 public:
  void set(uint64_t begin, uint64_t end) {
    begin_.store(begin, std::memory_order_relaxed);
    end_.store(end, std::memory_order_relaxed);
  }
  bool covers(uint64_t begin, uint64_t end) const {
    return begin >= begin_.load(std::memory_order_relaxed) &&
           end <= end_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<uint64_t> begin_ = 0, end_ = 0;
};

class Transmission {
 public:
  Transmission(Stream& stream, Input& input, const Export& disk, Client& client, WorkerPool& pool,
               Watchdog& watchdog, PipePool& pipes, Buffers& buffers,
               const TransmissionOptions& options);

  // Until the client disconnects (by NBD_CMD_DISC or just so), or an Error.
  // When it returns, no request of this client is running any more.
  void run();

 private:
  using Request = nbd::wire::Request;

  // A request that may block. It has nothing in common with the thread that leads.
  struct Job {
    Request request;
    Buffer buffer;  // what is written
    Held held;
    Arrival arrival;
    Budget::Lease lease = {};
    Pace::Duration took = {};        // without the time to move the data
    ReplyQueue* begun_in = nullptr;  // until its reply takes over what it holds

    ~Job() {
      if (begun_in != nullptr) begun_in->end(held);
    }
  };

  // Who leads.
  void lead(bool is_stand_in) noexcept;
  void stand_in() noexcept;
  bool wait_for_turn();
  bool give_back_turn();
  bool has_request_or_gives_back();
  bool pass_the_lead() noexcept;

  std::optional<Hearing> serve_requests(bool is_stand_in);
  void send_what_is_ready() noexcept;
  size_t request_size() const;
  std::optional<Request> next_request();
  Arrival number(const Request& request);
  bool take_block_status_payload(Request& request);
  bool handle(Request& request);
  void serve_here(const Request& request);
  void refuse(const Request& request, nbd::Status status);

  // In place.
  bool try_read_here(const Request& request);
  void read_here(const Request& request);
  bool lend_here(const Request& request);
  void read_large_here(const Request& request);
  void write_here(const Request& request);
  void other_here(const Request& request);
  void append_outcome(const Request& request, nbd::Status status);
  // What may block: here, watched, or in a worker.
  bool serve_or_hand_over(const Request& request);
  void hand_over(std::unique_ptr<Job> job);
  bool serve_watched(std::unique_ptr<Job> job, uint64_t call);
  std::optional<Request> wait_for_request();
  std::unique_ptr<Job> new_job(const Request& request);
  void receive_payload(Job& job);
  void start_jobs() noexcept;
  void perform(std::unique_ptr<Job> job) noexcept;
  Reply answer(Job& job) noexcept;
  Reply reply_of(Job& job);
  Pace& pace_of(const Request& request);
  Reply outcome(const Request& request, nbd::Status status) const;

  template <class Call>
  auto locked(Call&& call) const {
    if (options_.all_requests == nullptr) return call();
    const std::lock_guard lock(*options_.all_requests);
    return call();
  }
  // transmission-replies.cpp: what is answered.
  nbd::wire::Writer error_reply(const Request& request, nbd::Status status,
                                std::optional<uint64_t> offset = std::nullopt) const;
  nbd::wire::Writer block_status_reply(const Request& request) const;
  Reply reply_from(nbd::wire::Bytes bytes) const;
  Reply new_reply(size_t header, size_t size) const;
  Held held_by(const Request& request) const;
  Reply reply_by_reading(const Request& request) const;
  // Of a read that is large enough, if its holes are known or its bytes are lent.
  std::optional<Reply> reply_without_copy(const Request& request);
  std::optional<Reply> sparse_reply(const Request& request);
  bool may_leave_out(const Request& request) const;
  bool looks_for_zeroes(const Request& request) const;
  template <class Fill>
  std::optional<Reply> reply_in_pieces(const Request& request,
                                       std::span<const Export::ReadPiece> pieces,
                                       Fill&& fill) const;
  template <class Fill>
  bool put_in_pieces(Reply& reply, const Request& request,
                     std::span<const Export::ReadPiece> pieces, Fill&& fill) const;
  std::optional<Reply> lent_reply(const Request& request, std::optional<FilledPipe>& pipe) const;

  // The batch: replies one behind the other, sent together.
  std::byte* reserve(size_t count);
  void append(nbd::wire::Bytes reply);
  void append_or_send(Reply& reply);
  void flush_batch();

  Stream& stream_;
  Input& input_;
  const Export& export_;
  Client& client_;
  WorkerPool& pool_;
  PipePool& pipes_;
  Buffers& buffers_;
  const TransmissionOptions options_;
  const nbd::wire::ReplyStyle style_;
  ReplyQueue replies_;
  std::array<uint64_t, kKindsOfRequest> arrived_{};  // of this client
  KnownData data_known_;
  std::vector<WorkerPool::Task> jobs_;  // handed over, not yet started
  // Begins so that the data behind a simple reply's header is aligned; behind another's it
  // is far enough from the beginning of the page.
  static constexpr size_t kBatchFront = nbd::kDataAlignment - nbd::wire::kSimpleReplySize;
  nbd::MappedBuffer batch_{kBatchFront + limits::kReplyBatch};
  size_t batched_ = 0;
  std::optional<FilledPipe> piped_;  // more of the batch
  Pace::Duration batch_took_{};      // what may block and is answered in it
  Expectation expectation_;
  unsigned since_wait_ = 0;   // requests that were read since the last wait for one
  bool handed_over_ = false;  // one of them was
  std::array<Pace, 2 * kKindsOfRequest> paces_;  // by kind, without and with FUA

  Watchdog::Turn turn_;
  std::mutex leader_mutex_;
  std::condition_variable leader_changed_;  // the connection's own thread waits
  bool own_thread_waits_ = false;           // for its turn, or ...
  bool is_over_ = false;                    // ... for this: nobody leads any more
  std::exception_ptr failure_;              // why that is, if it is one
};

}  // namespace nbdkit
