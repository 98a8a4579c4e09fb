// SPDX-License-Identifier: BSD-3-Clause
#include "session/transmission.hpp"

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"

namespace nbdkit {

using nbd::Status;
using nbd::wire::Command;
namespace wire = nbd::wire;

namespace {

// Not zeroed: it is filled before anybody looks.
std::unique_ptr<std::byte[]> allocate(size_t size) {
  return std::make_unique_for_overwrite<std::byte[]>(size);
}

Reply reply_from(wire::Bytes header, wire::Bytes payload) {
  Reply reply{allocate(header.size() + payload.size()), header.size() + payload.size(), 0};
  std::memcpy(reply.bytes.get(), header.data(), header.size());
  if (!payload.empty()) {
    std::memcpy(reply.bytes.get() + header.size(), payload.data(), payload.size());
  }
  return reply;
}

}  // namespace

Transmission::Transmission(Stream& stream, Input& input, const Export& disk, Client& client,
                           WorkerPool& pool, PipePool& pipes, const TransmissionOptions& options)
    : stream_(stream),
      input_(input),
      export_(disk),
      client_(client),
      pool_(pool),
      pipes_(pipes),
      options_(options),
      replies_(stream, options.threads) {}

void Transmission::run() {
  try {
    client_.hearing = serve_requests();
    flush_batch();
  } catch (...) {
    client_.hearing = Hearing::gone;
    send_what_is_ready();
    replies_.wait_until_idle();
    throw;
  }
  replies_.wait_until_idle();
}

// Until there are no more; how they ended.
Hearing Transmission::serve_requests() {
  while (const auto request = next_request()) {
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
  // Nobody waits for replies longer than for requests that are here already.
  if (input_.buffered() < wire::kRequestSize) flush_batch();
  const std::byte* bytes = input_.need(wire::kRequestSize);
  if (bytes == nullptr) return std::nullopt;
  const auto request = wire::decode_request(bytes);
  if (!request) nbd::fail("the client sent a request without its magic number");
  input_.take(wire::kRequestSize);
  return request;
}

void Transmission::handle(const Request& request) {
  Status status = export_.check(request, options_.negotiated);
  if (status.ok() && client_.disconnect.load(std::memory_order_relaxed) != Disconnect::no) {
    status = Status(ESHUTDOWN);
  }
  if (!status.ok()) return refuse(request, status);
  current.arrival = number(request);

  const bool may_block = export_.may_block(request.command);
  if (may_block && options_.parallel && options_.threads > 1) return hand_over(request);
  if (may_block) flush_batch();  // earlier replies do not wait for this one
  switch (request.command) {
    case Command::read: return read_here(request);
    case Command::write: return write_here(request);
    default: return other_here(request);
  }
}

Arrival Transmission::number(const Request& request) const {
  const auto kind = static_cast<unsigned>(Export::op_of(request.command));
  return {kind, (*options_.arrivals)[kind].fetch_add(1, std::memory_order_relaxed) + 1};
}

void Transmission::refuse(const Request& request, Status status) {
  nbd::log::debug("{}: refused: {}", wire::name_of(request.command),
                  nbd::errno_name(status.errnum()));
  if (request.command == Command::write) {
    if (request.length > limits::kMaxRefusedPayload) {
      nbd::fail("the client sent a write of {} bytes, more than {}", request.length,
                limits::kMaxRefusedPayload);
    }
    flush_batch();
    input_.skip(request.length);
  }
  append(small_reply(request, status).view());
}

// ---- In place

template <class Call>
Status Transmission::locked(Call&& call) const {
  if (options_.all_requests == nullptr) return call();
  const std::lock_guard lock(*options_.all_requests);
  return call();
}

wire::ReplyHeader Transmission::read_header(const Request& r) const {
  return options_.negotiated.structured_replies
             ? wire::offset_data_chunk(r.cookie, r.offset, r.length)
             : wire::simple_reply(r.cookie, wire::ErrorCode::none);
}

void Transmission::read_here(const Request& r) {
  if (auto reply = lent_reply(r)) {
    flush_batch();
    return replies_.send(*reply);
  }
  if (r.length > limits::kMaxBatchedRead) return read_large_here(r);
  const wire::ReplyHeader header = read_header(r);
  std::byte* at = reserve(header.size + r.length);
  const Status s = locked([&] { return export_.read(r, {at + header.size, r.length}); });
  if (!s.ok()) return append(small_reply(r, s).view());
  std::memcpy(at, header.bytes.data(), header.size);
  batched_ += header.size + r.length;
}

void Transmission::read_large_here(const Request& r) {
  const auto data = allocate(r.length);
  const Status s = locked([&] { return export_.read(r, {data.get(), r.length}); });
  if (!s.ok()) return append(small_reply(r, s).view());
  flush_batch();
  wire::ReplyHeader header = read_header(r);
  iovec parts[2] = {{header.bytes.data(), header.size}, {data.get(), r.length}};
  replies_.send(parts);
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
    const auto data = allocate(r.length);
    input_.read({data.get(), r.length});
    s = locked([&] { return export_.write(r, {data.get(), r.length}); });
  }
  append(small_reply(r, s).view());
}

void Transmission::other_here(const Request& r) {
  if (r.command == Command::block_status) {
    const Reply reply = block_status_reply(r);
    return append({reply.bytes.get(), reply.size});
  }
  append(small_reply(r, locked([&] { return export_.perform(r); })).view());
}

// ---- In a worker

void Transmission::hand_over(const Request& r) {
  flush_batch();
  auto job = std::make_shared<Job>(Job{r, nullptr, 0, current.arrival});
  const bool has_data = r.command == Command::read || r.command == Command::write;
  job->held = has_data ? r.length : 0;
  replies_.begin(job->held);
  try {
    if (r.command == Command::write) {
      job->buffer = allocate(r.length);
      input_.read({job->buffer.get(), r.length});
    }
    pool_.submit([this, job] { perform(*job); });
  } catch (...) {
    replies_.post({nullptr, 0, job->held});  // begun, so it must end
    throw;
  }
}

void Transmission::perform(Job& job) noexcept {
  const ClientScope client(client_, job.arrival);
  const nbd::log::Scope name(client_.log_name);
  Reply reply;
  try {
    reply = reply_of(job);
  } catch (const std::exception& e) {  // out of memory: the client cannot be answered
    nbd::log::error("{}: {}", wire::name_of(job.request.command), e.what());
    stream_.abort();
  }
  reply.held = job.held;
  replies_.post(std::move(reply));
}

Reply Transmission::reply_of(Job& job) {
  const Request& r = job.request;
  switch (r.command) {
    case Command::read: {
      if (auto lent = lent_reply(r)) return std::move(*lent);
      const wire::ReplyHeader header = read_header(r);
      Reply reply{allocate(header.size + r.length), header.size + r.length, 0};
      const Status s = export_.read(r, {reply.bytes.get() + header.size, r.length});
      if (!s.ok()) return reply_from(small_reply(r, s).view(), {});
      std::memcpy(reply.bytes.get(), header.bytes.data(), header.size);
      return reply;
    }
    case Command::write: {
      const Status s = export_.write(r, {job.buffer.get(), r.length});
      return reply_from(small_reply(r, s).view(), {});
    }
    case Command::block_status: return block_status_reply(r);
    default: return reply_from(small_reply(r, export_.perform(r)).view(), {});
  }
}

// ---- Replies

std::optional<Reply> Transmission::lent_reply(const Request& r) {
  if (r.length < limits::kMinLoan) return std::nullopt;
  nbd::Loan loan;
  const Status s = locked([&] { return export_.lend(r, loan); });
  if (!s.ok()) return reply_from(small_reply(r, s).view(), {});
  if (loan.length() == 0) return std::nullopt;
  Reply reply = reply_from(read_header(r).view(), {});
  if (loan.file().fd >= 0) {
    reply.pipe = pipes_.fill(loan.file().fd, loan.file().offset, loan.length());
    if (!reply.pipe) return std::nullopt;
  } else {
    reply.loan = std::move(loan);
  }
  return reply;
}

wire::ReplyHeader Transmission::small_reply(const Request& r, Status status) const {
  const wire::ErrorCode error = wire::error_code_for(r, status.errnum());
  // With structured replies a simple one may answer what never carries data.
  const bool chunk = options_.negotiated.structured_replies &&
                     (r.command == Command::read || r.command == Command::block_status);
  return chunk ? wire::error_chunk(r.cookie, error) : wire::simple_reply(r.cookie, error);
}

Reply Transmission::block_status_reply(const Request& r) {
  std::vector<wire::BlockDescriptor> blocks;
  const Status s = locked([&] { return export_.block_status(r, blocks); });
  if (!s.ok()) return reply_from(small_reply(r, s).view(), {});
  const auto payload = wire::block_status_payload(wire::kBaseAllocationId, blocks);
  const auto size = static_cast<uint32_t>(payload.size());
  return reply_from(wire::last_chunk(r.cookie, wire::Chunk::block_status, size).view(), payload);
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
