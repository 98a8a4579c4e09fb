// SPDX-License-Identifier: BSD-3-Clause
#include "plain-channel.hpp"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "base/error.hpp"
#include "limits.hpp"
#include "wire/codec.hpp"

namespace nbdfuse {

namespace wire = nbd::wire;

namespace {

// A cookie is the place of its flight, and above that a number that no earlier one
// had, in the order of issue.
constexpr unsigned kSlotBits = 20;
constexpr uint64_t kSlotMask = (uint64_t{1} << kSlotBits) - 1;

wire::Command wire_command(Command command) {
  switch (command) {
    case Command::read: return wire::Command::read;
    case Command::write: return wire::Command::write;
    case Command::flush: return wire::Command::flush;
    case Command::zero: return wire::Command::write_zeroes;
    case Command::trim: return wire::Command::trim;
    case Command::block_status: return wire::Command::block_status;
  }
  return wire::Command::disc;
}

uint16_t command_flags(const Request& request) {
  const bool no_hole = request.command == Command::zero && request.allocate;
  return no_hole ? wire::command_flag::kNoHole : 0;
}

void write_header(std::byte* at, wire::Command command, uint16_t flags, uint64_t cookie,
                  uint64_t offset, uint32_t length) {
  wire::store(at, wire::kRequestMagic);
  wire::store(at + 4, flags);
  wire::store(at + 6, static_cast<uint16_t>(command));
  wire::store(at + 8, cookie);
  wire::store(at + 16, offset);
  wire::store(at + 24, length);
}

// "any other value should be treated as EINVAL"
int local_errno(uint32_t code) {
  switch (static_cast<wire::ErrorCode>(code)) {
    case wire::ErrorCode::eperm: return EPERM;
    case wire::ErrorCode::eio: return EIO;
    case wire::ErrorCode::enomem: return ENOMEM;
    case wire::ErrorCode::enospc: return ENOSPC;
    case wire::ErrorCode::eoverflow: return EOVERFLOW;
    case wire::ErrorCode::enotsup: return ENOTSUP;
    case wire::ErrorCode::eshutdown: return ESHUTDOWN;
    default: return EINVAL;
  }
}

}  // namespace

PlainChannel::PlainChannel(Handle connected, Answered answered)
    : handle_(std::move(connected)),
      fd_(nbd_aio_get_fd(handle_.get())),
      structured_(nbd_get_structured_replies_negotiated(handle_.get()) > 0),
      answered_(std::move(answered)) {
  lay_in();
}

PlainChannel::PlainChannel(int fd, bool structured, Answered answered)
    : fd_(fd), structured_(structured), answered_(std::move(answered)) {
  lay_in();
}

PlainChannel::Parsed PlainChannel::break_off(std::string why) {
  if (!std::exchange(gone_, true)) why_gone_ = std::move(why);
  return Parsed::broken;
}

// ---- requests ----------------------------------------------------------------

void PlainChannel::lay_in() {
  // Its pages, too, are there before they are needed (stock.hpp).
  std::memset(staging_.get(), 0, staging_size_);
  add_flights();
}

void PlainChannel::add_flights() {
  for (unsigned i = 0; i < kMaxInFlight; ++i) {
    Flight& flight = flights_.emplace_back();
    flight.cookie = flights_.size() - 1;
    flight.next = std::exchange(free_, &flight);
  }
}

PlainChannel::Flight& PlainChannel::take_flight() {
  if (free_ == nullptr) add_flights();
  Flight& flight = *free_;
  free_ = std::exchange(flight.next, nullptr);
  return flight;
}

void PlainChannel::issue(Request& request) {
  Flight& flight = take_flight();
  const uint64_t cookie = next_number_++ << kSlotBits | (flight.cookie & kSlotMask);
  flight = {.request = &request, .cookie = cookie};
  write_header(flight.header, wire_command(request.command), command_flags(request), cookie,
               request.command == Command::flush ? 0 : request.offset,
               request.command == Command::flush ? 0 : static_cast<uint32_t>(request.length));
  ++in_flight_;
  if (request.command == Command::read) bytes_awaited_ += request.length;
  (first_out_ == nullptr ? first_out_ : last_out_->next) = &flight;
  last_out_ = &flight;
}

void PlainChannel::work() {
  if (!send_blocked_ && !gone_) send_some();
}

void PlainChannel::send_some() {
  while (first_out_ != nullptr) {
    iovec parts[kMaxIov];
    size_t count = 0, total = 0, skip = first_sent_;
    for (Flight* out = first_out_; out != nullptr && count + 2 <= kMaxIov; out = out->next) {
      const size_t head = std::min(skip, sizeof out->header);
      const size_t body = skip - head;
      if (head < sizeof out->header)
        parts[count++] = {out->header + head, sizeof out->header - head};
      if (body < out->data_size()) {
        parts[count++] = {out->request->data + body, out->data_size() - body};
      }
      total += out->size() - skip;
      skip = 0;
    }
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = count;
    const ssize_t sent = ::sendmsg(fd_, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == -1 && errno == EINTR) continue;
    if (sent == -1 && errno != EAGAIN) {
      // What the server has answered before it went is still to be read; the end of
      // it is the end of the connection.
      send_blocked_ = true;
      why_gone_ = nbd::errno_text(errno);
      (void)::shutdown(fd_, SHUT_RDWR);
      return;
    }
    if (sent > 0) note_sent(static_cast<size_t>(sent));
    send_blocked_ = sent < static_cast<ssize_t>(total);
    if (send_blocked_) return;
  }
}

// What was sent needs its data no more.
void PlainChannel::note_sent(size_t count) {
  first_sent_ += count;
  while (first_out_ != nullptr && first_sent_ >= first_out_->size()) {
    Flight& flight = *first_out_;
    first_sent_ -= flight.size();
    first_out_ = std::exchange(flight.next, nullptr);
    flight.sent = true;
    if (flight.answered) finish(flight);
  }
}

// ---- replies -----------------------------------------------------------------

void PlainChannel::ready(uint32_t events) {
  if ((events & EPOLLOUT) != 0) send_blocked_ = false;
  if ((events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) receive_some();
}

// How much to receive beyond the payload that is due. What comes after the header of
// a large one is copied once more, so there it is little more than a header.
size_t PlainChannel::room_wanted() const {
  const size_t average = in_flight_ == 0 ? 0 : bytes_awaited_ / in_flight_;
  return average > kLargeRead ? kLittleStaging : kStaging;
}

void PlainChannel::receive_some() {
  for (unsigned rounds = 0; rounds < kReceiveRounds && !gone_; ++rounds) {
    const size_t payload = payload_left_;
    // What is left of the last time, part of a header or of a chunk, goes to the front.
    std::memmove(staging_.get(), staging_.get() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
    const size_t room = std::min(staging_size_ - end_, room_wanted());
    iovec parts[] = {{payload_, payload}, {staging_.get() + end_, room}};
    const bool both = payload > 0;
    const ssize_t got = ::readv(fd_, both ? parts : parts + 1, both ? 2 : 1);
    if (got == -1 && errno == EINTR) continue;
    if (got == -1 && errno == EAGAIN) return;
    if (got <= 0) {
      break_off(got == 0 ? std::string(why_gone_) : nbd::errno_text(errno));
      return;
    }
    const auto count = static_cast<size_t>(got);
    const size_t direct = std::min(count, payload);
    payload_ += direct;
    payload_left_ -= direct;
    end_ += count - direct;
    if (payload > 0 && payload_left_ == 0) payload_done();
    parse();
    if (count < payload + room) return;  // that was all
  }
}

void PlainChannel::parse() {
  while (payload_left_ == 0 && parse_one() == Parsed::one) {
  }
}

PlainChannel::Parsed PlainChannel::parse_one() {
  if (gone_ || end_ - begin_ < sizeof(uint32_t)) return Parsed::more;
  switch (wire::load<uint32_t>(staging_.get() + begin_)) {
    case wire::kSimpleReplyMagic: return parse_simple();
    case wire::kStructuredReplyMagic:
      if (structured_) return parse_chunk();
      break;
    default: break;
  }
  return break_off("it sent what is no reply");
}

PlainChannel::Flight* PlainChannel::find(uint64_t cookie) {
  const uint64_t slot = cookie & kSlotMask;
  if (slot >= flights_.size()) return nullptr;
  Flight& flight = flights_[slot];
  return flight.request != nullptr && flight.cookie == cookie && !flight.answered ? &flight
                                                                                  : nullptr;
}

PlainChannel::Parsed PlainChannel::parse_simple() {
  if (end_ - begin_ < wire::kSimpleReplySize) return Parsed::more;
  const std::byte* const at = staging_.get() + begin_;
  const auto error = wire::load<uint32_t>(at + 4);
  Flight* const flight = find(wire::load<uint64_t>(at + 8));
  if (flight == nullptr) return break_off("it answered what was not asked");
  begin_ += wire::kSimpleReplySize;
  const Request& request = *flight->request;
  if (error != 0) {
    flight->errnum = local_errno(error);
  } else if (request.command == Command::read) {
    if (structured_) return break_off("it sent a simple reply to a read");
    payload_is_last_ = true;
    return start_payload(*flight, request.offset, request.length);
  } else if (request.command == Command::block_status) {
    return break_off("it sent a simple reply to a block status");
  }
  done(*flight);
  return Parsed::one;
}

void PlainChannel::grow_staging(size_t size) {
  nbd::PageAligned larger = nbd::page_aligned(size);
  std::memcpy(larger.get(), staging_.get(), end_);
  staging_ = std::move(larger);
  staging_size_ = size;
}

PlainChannel::Parsed PlainChannel::parse_chunk() {
  if (end_ - begin_ < wire::kChunkHeaderSize) return Parsed::more;
  const std::byte* const at = staging_.get() + begin_;
  const auto flags = wire::load<uint16_t>(at + 4);
  const auto type = wire::load<uint16_t>(at + 6);
  const auto length = wire::load<uint32_t>(at + 16);
  Flight* const flight = find(wire::load<uint64_t>(at + 8));
  if (flight == nullptr) return break_off("it answered what was not asked");
  // All of it is looked at in one place, but for a read's data.
  const bool is_data = type == static_cast<uint16_t>(wire::Chunk::offset_data);
  const size_t whole = wire::kChunkHeaderSize + (is_data ? sizeof(uint64_t) : length);
  if (whole > kLargestChunk) return break_off("it sent a chunk that is too long");
  if (staging_size_ < whole) grow_staging(whole);
  if (end_ - begin_ < whole) return Parsed::more;
  begin_ += wire::kChunkHeaderSize;
  payload_is_last_ = (flags & wire::kReplyFlagDone) != 0;
  const Parsed result = parse_content(type, length, *flight);
  if (result == Parsed::one && !is_data && payload_is_last_) done(*flight);
  return result;
}

// REQUIRES: the content, of a read's data the offset, is at begin_.
PlainChannel::Parsed PlainChannel::parse_content(uint16_t type, uint32_t length, Flight& flight) {
  const std::byte* const at = staging_.get() + begin_;
  Request& request = *flight.request;
  const bool is_read = request.command == Command::read;
  switch (static_cast<wire::Chunk>(type)) {
    case wire::Chunk::none:
      if (length != 0) break;
      return Parsed::one;
    case wire::Chunk::offset_data:
      if (!is_read || length <= sizeof(uint64_t)) break;
      begin_ += sizeof(uint64_t);
      return start_payload(flight, wire::load<uint64_t>(at), length - sizeof(uint64_t));
    case wire::Chunk::offset_hole: {
      if (!is_read || length != 12) break;
      const auto offset = wire::load<uint64_t>(at);
      const auto count = wire::load<uint32_t>(at + 8);
      begin_ += length;
      if (offset < request.offset || offset - request.offset > request.length ||
          count > request.length - (offset - request.offset)) {
        return break_off("it sent a hole that was not asked for");
      }
      std::memset(request.data + (offset - request.offset), 0, count);
      flight.seen += count;
      return Parsed::one;
    }
    case wire::Chunk::block_status:
      if (request.command != Command::block_status || length < 4 || (length - 4) % 8 != 0) break;
      return parse_extents(flight, length);
    default:
      // Of an error of a kind that is not known, the beginning is.
      if ((type & 0x8000) == 0 || length < 6) break;
      if (flight.errnum == 0) flight.errnum = local_errno(wire::load<uint32_t>(at));
      begin_ += length;
      return Parsed::one;
  }
  return break_off("it sent a chunk that does not fit its request");
}

// There is one context, so whatever its number is, it is this one.
PlainChannel::Parsed PlainChannel::parse_extents(Flight& flight, size_t length) {
  const std::byte* at = staging_.get() + begin_;
  const std::byte* const end = at + length;
  Request& request = *flight.request;
  uint64_t offset = request.offset;
  for (at += 4; at != end; at += 8) {
    const auto count = wire::load<uint32_t>(at);
    const bool zero = (wire::load<uint32_t>(at + 4) & wire::kStateZero) != 0;
    request.extents.push_back({offset, count, zero});
    offset += count;
  }
  begin_ += length;
  return Parsed::one;
}

// What has come of it already is copied, the rest will come to its place.
PlainChannel::Parsed PlainChannel::start_payload(Flight& flight, uint64_t offset, size_t length) {
  const Request& request = *flight.request;
  if (offset < request.offset || offset - request.offset > request.length ||
      length > request.length - (offset - request.offset)) {
    return break_off("it sent data that was not asked for");
  }
  std::byte* const into = request.data + (offset - request.offset);
  const size_t here = std::min(length, end_ - begin_);
  std::memcpy(into, staging_.get() + begin_, here);
  begin_ += here;
  flight.seen += length;
  payload_ = into + here;
  payload_left_ = length - here;
  payload_flight_ = &flight;
  if (payload_left_ == 0) payload_done();
  return Parsed::one;
}

void PlainChannel::payload_done() {
  if (payload_is_last_) done(*payload_flight_);
  payload_flight_ = nullptr;
}

// ---- the end of a request ------------------------------------------------------

void PlainChannel::done(Flight& flight) {
  flight.answered = true;
  if (flight.sent) finish(flight);
}

void PlainChannel::finish(Flight& flight) {
  Request& request = *flight.request;
  int errnum = flight.errnum;
  if (request.command == Command::read) {
    bytes_awaited_ -= request.length;
    if (errnum == 0 && flight.seen != request.length) errnum = EIO;
  }
  --in_flight_;
  flight.request = nullptr;
  flight.next = std::exchange(free_, &flight);
  answered_(request, errnum);
}

RequestQueue PlainChannel::take_flights() {
  std::vector<Flight> left;
  for (const Flight& flight : flights_) {
    if (flight.request != nullptr) left.push_back(flight);
  }
  std::sort(left.begin(), left.end(), [](const Flight& a, const Flight& b) {
    return a.cookie >> kSlotBits < b.cookie >> kSlotBits;
  });
  flights_.clear();
  free_ = first_out_ = nullptr;
  in_flight_ = 0;
  RequestQueue queue;
  for (const Flight& flight : left) queue.push(*flight.request);
  return queue;
}

Loop::Client::Wish PlainChannel::wish() const {
  return {fd_, EPOLLIN | (send_blocked_ ? EPOLLOUT : 0U)};
}

void PlainChannel::disconnect() noexcept {
  if (gone_ || first_out_ != nullptr) return;
  std::byte header[wire::kRequestSize];
  write_header(header, wire::Command::disc, 0, 0, 0, 0);
  if (::send(fd_, header, sizeof header, MSG_NOSIGNAL | MSG_DONTWAIT) != sizeof header) return;
  const auto deadline = std::chrono::steady_clock::now() + kDisconnectTimeout;
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd fd{fd_, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&fd, 1, static_cast<int>(left.count())) <= 0) return;
    if (::recv(fd_, staging_.get(), staging_size_, MSG_DONTWAIT) <= 0) return;
  }
}

}  // namespace nbdfuse
