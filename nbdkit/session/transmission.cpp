// SPDX-License-Identifier: BSD-3-Clause
#include "session/transmission.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"

namespace nbdkit {

using nbd::Status;
using nbd::wire::Command;
namespace wire = nbd::wire;

Transmission::Transmission(Stream& stream, Input& input, const Export& disk, Client& client,
                           WorkerPool& pool, Watchdog& watchdog, PipePool& pipes, Buffers& buffers,
                           const TransmissionOptions& options)
    : stream_(stream),
      input_(input),
      export_(disk),
      client_(client),
      pool_(pool),
      pipes_(pipes),
      buffers_(buffers),
      options_(options),
      style_(options.negotiated.replies),
      replies_(stream, options.threads),
      turn_(watchdog, [this] { stand_in(); }) {}

// ---- Requests

// Until there are no more: how they ended. Nothing: the turn is another thread's.
std::optional<Hearing> Transmission::serve_requests(bool is_stand_in) {
  for (;;) {
    if (input_.buffered() < request_size()) {
      // Nobody waits for replies longer than for requests that are here already.
      start_jobs();
      flush_batch();
      if (is_stand_in && !has_request_or_gives_back()) return std::nullopt;
    }
    auto request = input_.buffered() == 0 ? wait_for_request() : next_request();
    if (!request) return Hearing::gone;
    if (request->command == Command::disc) return Hearing::goodbye;
    if (!handle(*request)) return std::nullopt;
  }
}

// The client has broken the rules; what it asked for before that was served.
void Transmission::send_what_is_ready() noexcept {
  try {
    flush_batch();
  } catch (const std::exception& e) {
    nbd::log::debug("{}", e.what());
  }
}

size_t Transmission::request_size() const {
  return wire::request_size(style_ == wire::ReplyStyle::extended);
}

// All that were here have been read.
std::optional<wire::Request> Transmission::wait_for_request() {
  const bool alone = std::exchange(since_wait_, 0) == 1 && !std::exchange(handed_over_, false);
  const auto time = expectation_.before_wait(alone);
  if (!alone) return next_request();
  stream_.stay_awake(time);
  const auto start = std::chrono::steady_clock::now();
  auto request = next_request();
  expectation_.waited(std::chrono::steady_clock::now() - start);
  return request;
}

std::optional<wire::Request> Transmission::next_request() {
  ++since_wait_;
  const std::byte* bytes = input_.need(request_size());
  if (bytes == nullptr) return std::nullopt;
  const auto request = wire::decode_request(bytes, style_ == wire::ReplyStyle::extended);
  if (!request) nbd::fail("the client sent a request without its magic number");
  input_.take(request_size());
  return request;
}

// The effect length of an extended block status is in its payload, with the
// contexts that it is about.
bool Transmission::take_block_status_payload(Request& r) {
  if (r.payload > limits::kMaxBlockStatusPayload) return false;
  std::vector<std::byte> data(r.payload);
  input_.read(data);
  r.payload = 0;
  const auto payload = wire::decode_block_status_payload(data);
  if (!payload) return false;
  r.length = payload->length;
  return payload->context_ids == std::vector{wire::kBaseAllocationId};
}

// False: it took long, and the turn is another thread's by now.
bool Transmission::handle(Request& request) {
  begin_work();
  Status status;
  if (request.command == Command::block_status && request.payload != 0 &&
      !take_block_status_payload(request)) {
    status = Status(EINVAL);
  } else {
    status = export_.check(request, options_.negotiated);
  }
  if (status.ok() && client_.disconnect.load(std::memory_order_relaxed) != Disconnect::no) {
    status = Status(ESHUTDOWN);
  }
  if (!status.ok()) {
    refuse(request, status);
    return true;
  }
  current.arrival = number(request);
  export_.announce(request);

  const bool may_block = export_.may_block(request.command);
  if (may_block && options_.parallel && options_.threads > 1) {
    // A large one that is likely to be at hand had better be lent than copied.
    const bool may_be_lent = request.length >= limits::kMinLoan && pace_of(request).is_quick(false);
    if (request.command == Command::read && !may_be_lent && try_read_here(request)) return true;
    return serve_or_hand_over(request);
  }
  if (may_block) flush_batch();  // earlier replies do not wait for this one
  serve_here(request);
  return true;
}

void Transmission::serve_here(const Request& request) {
  switch (request.command) {
    case Command::read: return read_here(request);
    case Command::write: return write_here(request);
    default: return other_here(request);
  }
}

Arrival Transmission::number(const Request& request) {
  const auto kind = static_cast<unsigned>(Export::op_of(request.command));
  return {kind, (*options_.arrivals)[kind].fetch_add(1, std::memory_order_relaxed) + 1,
          ++arrived_[kind]};
}

void Transmission::refuse(const Request& request, Status status) {
  nbd::log::debug("{}: refused: {}", wire::name_of(request.command),
                  nbd::errno_name(status.errnum()));
  if (request.payload != 0) {
    if (request.payload > limits::kMaxRefusedPayload) {
      nbd::fail("the client sent {} with {} bytes, more than {}", wire::name_of(request.command),
                request.payload, limits::kMaxRefusedPayload);
    }
    flush_batch();
    input_.skip(request.payload);
  }
  append(error_reply(request, status).bytes());
}

// ---- In place

// Of a disk that may have to wait, what it has at hand: false if this is not.
bool Transmission::try_read_here(const Request& r) {
  const auto length = static_cast<uint32_t>(r.length);
  if (length > limits::kMaxTriedRead || !export_.can_try_read()) return false;
  if (options_.all_requests != nullptr) return false;
  const bool may_be_hole = may_leave_out(r) && export_.may_have_holes() &&
                           !data_known_.covers(r.offset, r.offset + r.length);
  if (may_be_hole) return false;  // a worker looks
  const wire::ReplyHeader header = wire::data_chunk(style_, r, r.offset, length);
  std::byte* at = reserve(header.size + length);
  if (!export_.try_read(r, {at + header.size, length})) return false;
  std::memcpy(at, header.bytes.data(), header.size);
  batched_ += header.size + length;
  if (r.length >= limits::kMinLoan) pace_of(r).took({});  // then the next may be lent
  return true;
}

void Transmission::read_here(const Request& r) {
  // One that may have to wait for memory does not keep earlier replies waiting.
  if (r.length > limits::kMaxUncounted / 2) flush_batch();
  if (auto reply = sparse_reply(r)) {
    flush_batch();
    return replies_.send(*reply);
  }
  if (lend_here(r)) return;
  const auto length = static_cast<uint32_t>(r.length);
  if (length > limits::kMaxBatchedRead || looks_for_zeroes(r)) return read_large_here(r);
  const wire::ReplyHeader header = wire::data_chunk(style_, r, r.offset, length);
  std::byte* at = reserve(header.size + length);
  const Status s = locked([&] { return export_.read(r, {at + header.size, length}); });
  if (!s.ok()) return append(error_reply(r, s).bytes());
  std::memcpy(at, header.bytes.data(), header.size);
  batched_ += header.size + length;
}

// False: nothing is lent.
bool Transmission::lend_here(const Request& r) {
  if (piped_ && !piped_->has_room_for_reply(r.length)) flush_batch();
  auto reply = lent_reply(r, piped_);
  if (!reply) return false;
  if (reply->size > 0) {  // it stands by itself
    flush_batch();
    replies_.send(*reply);
  } else if (piped_->size() >= limits::kReplyBatch) {
    flush_batch();
  }
  return true;
}

void Transmission::read_large_here(const Request& r) {
  Reply reply = reply_by_reading(r);
  flush_batch();
  replies_.send(reply);
}

void Transmission::write_here(const Request& r) {
  // A payload that is not all here comes when it comes: replies first.
  if (input_.buffered() < r.length) flush_batch();
  Status s;
  if (r.length <= limits::kInputBuffer) {
    const std::byte* data = input_.need(r.length);
    if (data == nullptr) nbd::fail("the client hung up in the middle of a write");
    s = locked([&] { return export_.write(r, {data, r.length}); });
    input_.take(r.length);
  } else {
    flush_batch();
    Budget::Lease lease = options_.budget.take(r.length, stream_);
    lease.wait_for_client(true);
    const auto data = buffers_.take(r.length);
    input_.read({data.get(), r.length});
    lease.wait_for_client(false);
    s = locked([&] { return export_.write(r, {data.get(), r.length}); });
  }
  append_outcome(r, s);
}

void Transmission::other_here(const Request& r) {
  if (r.command == Command::block_status) return append(block_status_reply(r).bytes());
  append_outcome(r, locked([&] { return export_.perform(r); }));
}

void Transmission::append_outcome(const Request& r, Status s) {
  if (s.ok()) return append(wire::success_reply(style_, r).view());
  append(error_reply(r, s).bytes());
}

// ---- What may block

Pace& Transmission::pace_of(const Request& r) {
  const bool fua = (r.flags & wire::command_flag::kFua) != 0;
  return paces_[2 * static_cast<size_t>(Export::op_of(r.command)) + (fua ? 1 : 0)];
}

// False: here, and the turn is another thread's by now.
bool Transmission::serve_or_hand_over(const Request& r) {
  std::unique_ptr<Job> job = new_job(r);
  const bool alone = input_.buffered() == 0 && jobs_.empty();
  const Pace& pace = pace_of(r);
  if (pace.is_quick(alone) && !job->held.counted) {
    start_jobs();                              // they do not wait for this one,
    if (!pace.is_quick(false)) flush_batch();  // nor do replies if it may be longer
    if (const auto call = turn_.enter()) return serve_watched(std::move(job), *call);
  }
  handed_over_ = true;
  if (alone) {
    flush_batch();
    if (pass_the_lead()) {
      perform(std::move(job));  // after it this object may be gone
      return false;
    }
  }
  hand_over(std::move(job));
  return true;
}

// In the end by start_jobs(), many at once: nothing may be waited for before that.
// There is room for it.
void Transmission::hand_over(std::unique_ptr<Job> job) {
  jobs_.push_back([this, raw = job.release()] { perform(std::unique_ptr<Job>(raw)); });
  if (jobs_.size() >= limits::kMaxJobsAtOnce) start_jobs();
}

bool Transmission::serve_watched(std::unique_ptr<Job> job, uint64_t call) {
  Reply reply = answer(*job);
  if (turn_.leave(call)) {
    replies_.end(reply.held);
    if (job->took > Pace::kQuick && stream_.has_input()) {
      pace_of(job->request).held_others_up();
    }
    append_or_send(reply);
    // The client has something to do meanwhile.
    batch_took_ += job->took;
    if (batch_took_ > limits::kBatchTime) flush_batch();
    return true;
  }
  job.reset();
  replies_.post(std::move(reply));  // after it this object may be gone
  return false;
}

Held Transmission::held_by(const Request& r) const {
  switch (r.command) {
    case Command::read:
    case Command::write: return {r.length, r.length > limits::kMaxUncounted};
    case Command::block_status: return {limits::kBlockStatusHeld, false};
    default: return {};
  }
}

// Begun, and with what is written.
std::unique_ptr<Transmission::Job> Transmission::new_job(const Request& r) {
  const Held held = held_by(r);
  auto job = std::make_unique<Job>();
  job->request = r;
  job->held = held;
  job->arrival = current.arrival;
  jobs_.reserve(limits::kMaxJobsAtOnce);  // to add one must not fail
  if (!replies_.begin_now(held)) {
    start_jobs();
    flush_batch();
    replies_.begin(held);
  }
  job->begun_in = &replies_;
  if (r.command == Command::write) receive_payload(*job);
  return job;
}

void Transmission::receive_payload(Job& job) {
  const Request& r = job.request;
  if (job.held.counted || input_.buffered() < r.length) {
    start_jobs();
    flush_batch();
  }
  if (job.held.counted) job.lease = options_.budget.take(r.length, stream_);
  job.lease.wait_for_client(true);
  job.buffer = buffers_.take(r.length);
  input_.read({job.buffer.get(), r.length});
  job.lease.wait_for_client(false);
}

void Transmission::start_jobs() noexcept {
  if (jobs_.empty()) return;
  pool_.submit(jobs_);
  jobs_.clear();
}

void Transmission::perform(std::unique_ptr<Job> job) noexcept {
  Reply reply = answer(*job);
  job.reset();  // what was written is of no use any more, and the client may be slow
  replies_.post(std::move(reply));
}

namespace {

class PlaceInQueue final : public Place {
 public:
  // lock: of requests that are served one at a time, for the others meanwhile.
  PlaceInQueue(ReplyQueue& replies, const Held& held, std::mutex* lock)
      : replies_(replies), held_(held), lock_(lock) {}
  bool step_aside() noexcept override {
    if (!replies_.step_aside(held_)) return false;
    if (lock_ != nullptr) lock_->unlock();
    return true;
  }
  void step_back() noexcept override {
    replies_.step_back(held_);
    if (lock_ != nullptr) lock_->lock();
  }

 private:
  ReplyQueue& replies_;
  const Held& held_;
  std::mutex* const lock_;
};

// What the thread has used of the processor. A system call.
Pace::Duration busy_time() noexcept {
  timespec t{};
  (void)::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return std::chrono::seconds(t.tv_sec) + std::chrono::nanoseconds(t.tv_nsec);
}

}  // namespace

// In any thread.
Reply Transmission::answer(Job& job) noexcept {
  PlaceInQueue place(replies_, job.held, options_.all_requests);
  const ClientScope client(client_, job.arrival, place);
  const nbd::log::Scope name(client_.log_name);
  Pace& pace = pace_of(job.request);
  const bool weighs = job.request.command == Command::write && pace.is_doubtful();
  const auto busy = weighs ? busy_time() : Pace::Duration();
  const auto start = std::chrono::steady_clock::now();
  Reply reply;
  try {
    reply = reply_of(job);
  } catch (const std::exception& e) {  // out of memory: the client cannot be answered
    nbd::log::error("{}: {}", wire::name_of(job.request.command), e.what());
    stream_.abort();
  }
  const bool moves_data =
      job.request.command == Command::read || job.request.command == Command::write;
  const auto whole = std::chrono::steady_clock::now() - start;
  job.took = whole - Pace::time_to_move(moves_data ? job.request.length : 0);
  pace.took(job.took, weighs && busy_time() - busy >= whole * 3 / 4);
  reply.held = job.held;
  job.begun_in = nullptr;
  return reply;
}

Reply Transmission::reply_of(Job& job) {
  const Request& r = job.request;
  switch (r.command) {
    case Command::read: {
      if (auto reply = reply_without_copy(r)) return std::move(*reply);
      return reply_by_reading(r);
    }
    case Command::write:
      return outcome(r, locked([&] { return export_.write(r, {job.buffer.get(), r.length}); }));
    case Command::block_status: return reply_from(block_status_reply(r).bytes());
    default: return outcome(r, locked([&] { return export_.perform(r); }));
  }
}

Reply Transmission::outcome(const Request& r, Status s) const {
  if (s.ok()) return reply_from(wire::success_reply(style_, r).view());
  return reply_from(error_reply(r, s).bytes());
}

// ---- The batch

// Room for count bytes at its end. REQUIRES: count <= kReplyBatch.
std::byte* Transmission::reserve(size_t count) {
  if (batched_ + count > limits::kReplyBatch) flush_batch();
  return batch_.data() + kBatchFront + batched_;
}

void Transmission::append(wire::Bytes reply) {
  if (reply.size() > limits::kReplyBatch) {  // a long block status
    flush_batch();
    return replies_.send(reply);
  }
  std::memcpy(reserve(reply.size()), reply.data(), reply.size());
  batched_ += reply.size();
}

// Copied if it is short, else from where it is.
void Transmission::append_or_send(Reply& reply) {
  if (reply.size == 0 && !reply.pipe) return;  // there is none, and the client is gone
  const bool is_elsewhere = reply.pipe || !reply.loan.memory().empty();
  if (!is_elsewhere && reply.size <= limits::kMinLoan) {
    return append(reply.own());
  }
  flush_batch();
  replies_.send(reply);
}

void Transmission::flush_batch() {
  batch_took_ = {};
  if (const size_t count = std::exchange(batched_, 0); count > 0) {
    replies_.send(std::span<const std::byte>(batch_.data() + kBatchFront, count));
  }
  if (piped_) {
    Reply reply;
    reply.pipe = std::exchange(piped_, std::nullopt);
    replies_.send(reply);
  }
}

}  // namespace nbdkit
