// SPDX-License-Identifier: BSD-3-Clause
//
// The transmission phase of one connection: from requests to replies.
//
// The thread of the connection reads as much as the socket has, serves in place
// every request that cannot block, gathers the replies and sends them with one
// call when it runs out of requests. What may block goes to the worker pool, at
// most `threads` requests at a time; its reply goes out when it is ready,
// before or after others. Under a stricter thread model than parallel all of
// it happens in place, one request after the other.
//
// Threads: run() in the connection's thread. perform() in workers.
#pragma once

#include <mutex>
#include <optional>

#include "layers/context.hpp"
#include "session/export.hpp"
#include "session/input.hpp"
#include "session/mapped-buffer.hpp"
#include "session/reply-queue.hpp"
#include "session/worker-pool.hpp"
#include "wire/messages.hpp"

namespace nbdkit {

struct TransmissionOptions {
  Export::Negotiated negotiated;
  unsigned threads = 16;               // requests at the same time, with the parallel model
  bool parallel = true;                // the thread model is
  std::mutex* all_requests = nullptr;  // held around each request, if given
  Arrivals* arrivals = nullptr;        // counts requests; of all connections
};

class Transmission {
 public:
  Transmission(Stream& stream, Input& input, const Export& disk, Client& client, WorkerPool& pool,
               PipePool& pipes, const TransmissionOptions& options);

  // Until the client disconnects (by NBD_CMD_DISC or just so), or an Error.
  // When it returns, no request of this client is running any more.
  void run();

 private:
  using Request = nbd::wire::Request;

  // A request that a worker serves; its buffer holds what is written, or the
  // reply with room for what is read.
  struct Job {
    Request request;
    std::unique_ptr<std::byte[]> buffer;
    uint64_t held = 0;
    Arrival arrival;
  };

  Hearing serve_requests();
  void send_what_is_ready() noexcept;
  std::optional<Request> next_request();
  Arrival number(const Request& request) const;
  void handle(const Request& request);
  void refuse(const Request& request, nbd::Status status);

  // In place.
  void read_here(const Request& request);
  void read_large_here(const Request& request);
  void write_here(const Request& request);
  void other_here(const Request& request);
  // In a worker.
  void hand_over(const Request& request);
  void perform(Job& job) noexcept;
  Reply reply_of(Job& job);
  // A read that is sent from where its bytes are; nothing if they are not lent.
  std::optional<Reply> lent_reply(const Request& request);

  template <class Call>
  nbd::Status locked(Call&& call) const;
  // A reply without data, for success and failure alike.
  nbd::wire::ReplyHeader small_reply(const Request& request, nbd::Status status) const;
  Reply block_status_reply(const Request& request);
  nbd::wire::ReplyHeader read_header(const Request& request) const;

  // The batch: replies one behind the other, sent together.
  std::byte* reserve(size_t count);
  void append(nbd::wire::Bytes reply);
  void flush_batch();

  Stream& stream_;
  Input& input_;
  const Export& export_;
  Client& client_;
  WorkerPool& pool_;
  PipePool& pipes_;
  const TransmissionOptions options_;
  ReplyQueue replies_;
  MappedBuffer batch_{limits::kReplyBatch};
  size_t batched_ = 0;
};

}  // namespace nbdkit
