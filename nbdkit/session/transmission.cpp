// SPDX-License-Identifier: BSD-3-Clause
#include "session/transmission.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"

namespace nbdkit {

using nbd::Status;
using nbd::wire::Command;
namespace wire = nbd::wire;

Transmission::Transmission(Stream& stream, Input& input, const Export& disk, Client& client,
                           WorkerPool& pool, PipePool& pipes, Buffers& buffers,
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
      replies_(stream, options.threads) {}

void Transmission::run() {
  try {
    client_.hearing = serve_requests();
    start_jobs();
    flush_batch();
  } catch (...) {
    client_.hearing = Hearing::gone;
    start_jobs();
    send_what_is_ready();
    replies_.wait_until_idle();
    throw;
  }
  replies_.wait_until_idle();
}

// Until there are no more; how they ended.
Hearing Transmission::serve_requests() {
  while (auto request = next_request()) {
    if (request->command == Command::disc) return Hearing::goodbye;
    handle(*request);
  }
  return Hearing::gone;
}

// The client has broken the rules; what it asked for before that was served.
void Transmission::send_what_is_ready() noexcept {
  try {
    flush_batch();
  } catch (const std::exception& e) {
    nbd::log::debug("{}", e.what());
  }
}

std::optional<wire::Request> Transmission::next_request() {
  const bool extended = style_ == wire::ReplyStyle::extended;
  const size_t size = wire::request_size(extended);
  // Nobody waits for replies longer than for requests that are here already.
  if (input_.buffered() < size) {
    start_jobs();
    flush_batch();
  }
  const std::byte* bytes = input_.need(size);
  if (bytes == nullptr) return std::nullopt;
  const auto request = wire::decode_request(bytes, extended);
  if (!request) nbd::fail("the client sent a request without its magic number");
  input_.take(size);
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

void Transmission::handle(Request& request) {
  begin_work();
  if (request.command == Command::block_status && request.payload != 0 &&
      !take_block_status_payload(request)) {
    return refuse(request, Status(EINVAL));
  }
  Status status = export_.check(request, options_.negotiated);
  if (status.ok() && client_.disconnect.load(std::memory_order_relaxed) != Disconnect::no) {
    status = Status(ESHUTDOWN);
  }
  if (!status.ok()) return refuse(request, status);
  current.arrival = number(request);
  export_.announce(request);

  const bool may_block = export_.may_block(request.command);
  if (may_block && options_.parallel && options_.threads > 1) {
    if (request.command == Command::read && try_read_here(request)) return;
    return hand_over(request);
  }
  if (may_block) flush_batch();  // earlier replies do not wait for this one
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

template <class Call>
auto Transmission::locked(Call&& call) const {
  if (options_.all_requests == nullptr) return call();
  const std::lock_guard lock(*options_.all_requests);
  return call();
}

// Of a disk that may have to wait, what it has at hand: false if this is not.
bool Transmission::try_read_here(const Request& r) {
  const auto length = static_cast<uint32_t>(r.length);
  if (length > limits::kMaxTriedRead || !export_.can_try_read()) return false;
  const bool may_be_hole = may_leave_out(r) && export_.may_have_holes() &&
                           !data_known_.covers(r.offset, r.offset + r.length);
  if (may_be_hole) return false;  // a worker looks
  const wire::ReplyHeader header = wire::data_chunk(style_, r, r.offset, length);
  std::byte* at = reserve(header.size + length);
  if (!export_.try_read(r, {at + header.size, length})) return false;
  std::memcpy(at, header.bytes.data(), header.size);
  batched_ += header.size + length;
  return true;
}

void Transmission::read_here(const Request& r) {
  // One that may have to wait for memory does not keep earlier replies waiting.
  if (r.length > limits::kMaxUncounted / 2) flush_batch();
  if (auto reply = reply_without_copy(r)) {
    flush_batch();
    return replies_.send(*reply);
  }
  const auto length = static_cast<uint32_t>(r.length);
  if (length > limits::kMaxBatchedRead || looks_for_zeroes(r)) return read_large_here(r);
  const wire::ReplyHeader header = wire::data_chunk(style_, r, r.offset, length);
  std::byte* at = reserve(header.size + length);
  const Status s = locked([&] { return export_.read(r, {at + header.size, length}); });
  if (!s.ok()) return append(error_reply(r, s).bytes());
  std::memcpy(at, header.bytes.data(), header.size);
  batched_ += header.size + length;
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

// ---- In a worker

Held Transmission::held_by(const Request& r) const {
  switch (r.command) {
    case Command::read:
    case Command::write: return {r.length, r.length > limits::kMaxUncounted};
    case Command::block_status: return {limits::kBlockStatusHeld, false};
    default: return {};
  }
}

// Handed over in the end by start_jobs(), many at once: nothing may be waited for
// before that.
void Transmission::hand_over(const Request& r) {
  auto job = std::make_unique<Job>(Job{r, {}, held_by(r), current.arrival});
  if (!replies_.begin_now(job->held)) {
    start_jobs();
    flush_batch();
    replies_.begin(job->held);
  }
  try {
    if (r.command == Command::write) receive_payload(*job);
    jobs_.push_back([this, raw = job.get()] { perform(std::unique_ptr<Job>(raw)); });
    job.release();
  } catch (...) {
    replies_.post({.held = job->held});  // begun, so it must end
    throw;
  }
  if (jobs_.size() >= limits::kMaxJobsAtOnce) start_jobs();
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
  if (!jobs_.empty()) pool_.submit(jobs_);
}

void Transmission::perform(std::unique_ptr<Job> job) noexcept {
  const ClientScope client(client_, job->arrival);
  const nbd::log::Scope name(client_.log_name);
  Reply reply;
  try {
    reply = reply_of(*job);
  } catch (const std::exception& e) {  // out of memory: the client cannot be answered
    nbd::log::error("{}: {}", wire::name_of(job->request.command), e.what());
    stream_.abort();
  }
  reply.held = job->held;
  job.reset();  // what was written is of no use any more, and the client may be slow
  replies_.post(std::move(reply));
}

Reply Transmission::reply_of(Job& job) {
  const Request& r = job.request;
  switch (r.command) {
    case Command::read: {
      if (auto reply = reply_without_copy(r)) return std::move(*reply);
      return reply_by_reading(r);
    }
    case Command::write: return outcome(r, export_.write(r, {job.buffer.get(), r.length}));
    case Command::block_status: return reply_from(block_status_reply(r).bytes());
    default: return outcome(r, export_.perform(r));
  }
}

Reply Transmission::outcome(const Request& r, Status s) const {
  if (s.ok()) return reply_from(wire::success_reply(style_, r).view());
  return reply_from(error_reply(r, s).bytes());
}

// ---- Replies

Reply Transmission::reply_from(wire::Bytes bytes) const {
  Reply reply{buffers_.take(bytes.size()), bytes.size()};
  std::memcpy(reply.bytes.get(), bytes.data(), bytes.size());
  return reply;
}

wire::Writer Transmission::error_reply(const Request& r, Status status,
                                       std::optional<uint64_t> offset) const {
  const wire::ErrorCode error = wire::error_code_for(r, status.errnum());
  return wire::error_reply(style_, r, error, last_error(), offset);
}

// A large one when the server has the memory for it.
Reply Transmission::new_reply(size_t size) const {
  Reply reply;
  if (size > limits::kMaxUncounted) reply.lease = options_.budget.take(size, stream_);
  reply.bytes = buffers_.take(size);
  reply.size = size;
  return reply;
}

Reply Transmission::reply_by_reading(const Request& r) const {
  const auto length = static_cast<uint32_t>(r.length);
  const wire::ReplyHeader header = wire::data_chunk(style_, r, r.offset, length);
  Reply reply = new_reply(header.size + length);
  const Status s =
      locked([&] { return export_.read(r, {reply.bytes.get() + header.size, length}); });
  if (!s.ok()) return reply_from(error_reply(r, s).bytes());
  if (looks_for_zeroes(r)) {
    const std::byte* const data = reply.bytes.get() + header.size;
    const Export::ReadMap map = Export::map(r, {data, length});
    if (map.has_hole()) {
      // In the same buffer: a hole leaves more room than the headers around it take,
      // so no piece moves towards the end.
      put_in_pieces(reply, r, map.pieces, [&](const Export::ReadPiece& p, std::byte* to) {
        std::memmove(to, data + (p.offset - r.offset), p.length);
        return true;
      });
      return reply;
    }
  }
  std::memcpy(reply.bytes.get(), header.bytes.data(), header.size);
  return reply;
}

std::optional<Reply> Transmission::reply_without_copy(const Request& r) {
  if (auto reply = sparse_reply(r)) return reply;
  return lent_reply(r);
}

std::optional<Reply> Transmission::lent_reply(const Request& r) const {
  if (r.length < limits::kMinLoan) return std::nullopt;
  nbd::Loan loan;
  const Status s = locked([&] { return export_.lend(r, loan); });
  if (!s.ok()) return reply_from(error_reply(r, s).bytes());
  if (loan.length() == 0) return std::nullopt;
  Reply reply =
      reply_from(wire::data_chunk(style_, r, r.offset, static_cast<uint32_t>(r.length)).view());
  if (loan.file().fd >= 0) {
    reply.pipe = pipes_.fill(loan.file().fd, loan.file().offset, loan.length());
    if (!reply.pipe) return std::nullopt;
  } else {
    reply.loan = std::move(loan);
  }
  return reply;
}

// In what was read: the plugin has holes, but cannot be asked each time.
bool Transmission::looks_for_zeroes(const Request& r) const {
  return may_leave_out(r) && export_.may_have_holes() && !export_.has_map();
}

bool Transmission::may_leave_out(const Request& r) const {
  return style_ != wire::ReplyStyle::simple && r.length >= limits::kMinSparseRead &&
         (r.flags & wire::command_flag::kDf) == 0;
}

// A read of which a part is a hole: chunks for the data, and a word for each
// hole.
std::optional<Reply> Transmission::sparse_reply(const Request& r) {
  if (!may_leave_out(r) || !export_.has_map() || data_known_.covers(r.offset, r.offset + r.length))
    return std::nullopt;
  // In the client's own thread, only what cannot block.
  if (!current.is_worker && !export_.may_block(Command::read) &&
      export_.may_block(Command::block_status)) {
    return std::nullopt;
  }
  const Export::ReadMap map = locked([&] { return export_.map(r); });
  if (map.data_until >= r.offset + r.length) data_known_.set(r.offset, map.data_until);
  if (!map.has_hole()) return std::nullopt;
  Status failed;
  uint64_t failed_at = 0;
  auto reply = reply_in_pieces(r, map.pieces, [&](const Export::ReadPiece& p, std::byte* to) {
    Request part = r;
    part.offset = failed_at = p.offset;
    part.length = p.length;
    failed = locked([&] { return export_.read(part, {to, p.length}); });
    return failed.ok();
  });
  return reply ? std::move(*reply) : reply_from(error_reply(r, failed, failed_at).bytes());
}

// A header for each piece, and behind those of data what fill(piece, where) puts
// there; nothing once that returns false.
template <class Fill>
std::optional<Reply> Transmission::reply_in_pieces(const Request& r,
                                                   std::span<const Export::ReadPiece> pieces,
                                                   Fill&& fill) const {
  size_t size = 0;
  for (const auto& p : pieces) {
    size += sizeof(wire::ReplyHeader::bytes) + (p.zero ? 0 : p.length);
  }
  Reply reply = new_reply(size);
  if (!put_in_pieces(reply, r, pieces, fill)) return std::nullopt;
  return reply;
}

// The same into a reply that has the room.
template <class Fill>
bool Transmission::put_in_pieces(Reply& reply, const Request& r,
                                 std::span<const Export::ReadPiece> pieces, Fill&& fill) const {
  reply.size = 0;
  for (const auto& p : pieces) {
    const auto length = static_cast<uint32_t>(p.length);
    const bool done = &p == &pieces.back();
    const wire::ReplyHeader header = p.zero ? wire::hole_chunk(style_, r, p.offset, length, done)
                                            : wire::data_chunk(style_, r, p.offset, length, done);
    std::memcpy(reply.bytes.get() + reply.size, header.bytes.data(), header.size);
    reply.size += header.size;
    if (p.zero) continue;
    if (!fill(p, reply.bytes.get() + reply.size)) return false;
    reply.size += length;
  }
  return true;
}

wire::Writer Transmission::block_status_reply(const Request& r) const {
  std::vector<wire::BlockDescriptor> blocks;
  const bool extended = style_ == wire::ReplyStyle::extended;
  const Status s = locked([&] { return export_.block_status(r, extended, blocks); });
  if (!s.ok()) return error_reply(r, s);
  return wire::block_status_reply(style_, r, wire::kBaseAllocationId, blocks);
}

// ---- The batch

// Room for count bytes at its end. REQUIRES: count <= kReplyBatch.
std::byte* Transmission::reserve(size_t count) {
  if (batched_ + count > batch_.size()) flush_batch();
  return batch_.data() + batched_;
}

void Transmission::append(wire::Bytes reply) {
  if (reply.size() > batch_.size()) {  // a long block status
    flush_batch();
    return replies_.send(reply);
  }
  std::memcpy(reserve(reply.size()), reply.data(), reply.size());
  batched_ += reply.size();
}

void Transmission::flush_batch() {
  if (batched_ == 0) return;
  const size_t count = std::exchange(batched_, 0);
  replies_.send(std::span<const std::byte>(batch_.data(), count));
}

}  // namespace nbdkit
