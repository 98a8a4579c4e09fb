// SPDX-License-Identifier: BSD-3-Clause
#include "bench/replies.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <cstring>

#include "base/error.hpp"
#include "net/socket-io.hpp"

namespace testkit::bench {

namespace wire = nbd::wire;

namespace {

// A chunk that is an error has a text of at most 4096 bytes.
constexpr size_t kMaxErrorChunk = 8192;

std::string describe(const wire::Request& r) {
  return fmt::format("{} of {} bytes at offset {}", wire::name_of(r.command), r.length, r.offset);
}

[[noreturn]] void fail_reply(const Slot& slot, uint32_t error) {
  nbd::fail("the server answers {} with {}", describe(slot.request),
            nbd::errno_name(static_cast<int>(error)));
}

}  // namespace

Replies::Replies(unsigned depth, const Pattern* verify)
    : verify_(verify),
      slots_(depth),
      memory_(nbd::page_aligned(kFront + kBufferSize)),
      buffer_(memory_.get() + kFront) {
  for (unsigned i = depth; i > 0; --i) free_.push_back(i - 1);
}

// A cookie is never used twice, so an answer that comes twice is noticed.
Slot* Replies::take_slot() {
  if (free_.empty()) return nullptr;
  const uint32_t index = free_.back();
  free_.pop_back();
  ++in_flight_;
  Slot& slot = slots_[index];
  slot = Slot{};
  slot.busy = true;
  slot.request.cookie = ++sequence_ << 16 | index;
  return &slot;
}

Slot& Replies::slot_of(uint64_t cookie) {
  const size_t index = cookie & 0xffff;
  if (index >= slots_.size() || !slots_[index].busy || slots_[index].request.cookie != cookie) {
    nbd::fail("the server answers cookie {:#x}, which is not in flight", cookie);
  }
  return slots_[index];
}

void Replies::complete(Slot& slot, uint64_t now_ns, Tally& tally) {
  const wire::Request& r = slot.request;
  const bool data_missing = r.command == wire::Command::read && slot.received != r.length;
  if (data_missing || (r.command == wire::Command::block_status && !slot.answered)) {
    nbd::fail("the server answers {} with {} bytes of data", describe(r), slot.received);
  }
  slot.busy = false;
  free_.push_back(static_cast<uint32_t>(&slot - slots_.data()));
  --in_flight_;
  ++tally.requests;
  tally.bytes += r.command == wire::Command::block_status ? 0 : r.length;
  tally.latency.add(now_ns - slot.sent_ns);
}

bool Replies::receive(const Session& session, int flags) {
  if (begin_ > 0) {  // at most a broken header moves
    std::memmove(buffer_, buffer_ + begin_, available());
    end_ -= begin_;
    begin_ = 0;
  }
  const ssize_t got = session.receive({buffer_ + end_, kBufferSize - end_}, flags);
  if (got < 0 && (flags & MSG_DONTWAIT) != 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
    return false;
  }
  if (got < 0) fail_receive(errno);
  if (got == 0) nbd::fail("the server closed the connection with {} requests open", in_flight_);
  end_ += static_cast<size_t>(got);
  return true;
}

void Replies::parse(uint64_t now_ns, Tally& tally) {
  do {
    if (payload_left_ > 0) take_payload(now_ns, tally);
  } while (payload_left_ == 0 && parse_head(now_ns, tally));
}

void Replies::take_payload(uint64_t now_ns, Tally& tally) {
  const auto n = static_cast<size_t>(std::min<uint64_t>(available(), payload_left_));
  if (is_data_ && verify_ != nullptr &&
      std::memcmp(buffer_ + begin_, verify_->at(position_), n) != 0) {
    nbd::fail("wrong data within {} bytes at offset {}, which came for {}", n, position_,
              describe(current_->request));
  }
  begin_ += n;
  position_ += n;
  payload_left_ -= n;
  if (payload_left_ == 0 && is_last_) complete(*current_, now_ns, tally);
}

void Replies::start_data(Slot& slot, uint64_t offset, uint64_t length, bool done) {
  const wire::Request& r = slot.request;
  if (r.command != wire::Command::read || offset < r.offset || length > r.length ||
      offset - r.offset > r.length - length || slot.received + length > r.length) {
    nbd::fail("the server answers {} with {} bytes at offset {}", describe(r), length, offset);
  }
  slot.received += length;
  current_ = &slot;
  payload_left_ = length;
  position_ = offset;
  is_data_ = true;
  is_last_ = done;
}

// False: more bytes are needed.
bool Replies::parse_head(uint64_t now_ns, Tally& tally) {
  if (available() < wire::kSimpleReplySize) return false;
  const auto magic = wire::load<uint32_t>(buffer_ + begin_);
  if (magic == wire::kSimpleReplyMagic) return parse_simple(now_ns, tally);
  if (magic == wire::kStructuredReplyMagic) return parse_chunk(now_ns, tally);
  nbd::fail("the server sends {:#010x} where a reply should begin", magic);
}

bool Replies::parse_simple(uint64_t now_ns, Tally& tally) {
  const std::byte* at = buffer_ + begin_;
  Slot& slot = slot_of(wire::load<uint64_t>(at + 8));
  if (const auto error = wire::load<uint32_t>(at + 4); error != 0) fail_reply(slot, error);
  begin_ += wire::kSimpleReplySize;
  if (slot.request.command == wire::Command::read) {
    start_data(slot, slot.request.offset, slot.request.length, true);
  } else {
    complete(slot, now_ns, tally);
  }
  return true;
}

bool Replies::parse_chunk(uint64_t now_ns, Tally& tally) {
  constexpr size_t kLongestFixedPart = wire::kChunkHeaderSize + 12;
  if (available() < wire::kChunkHeaderSize) return false;
  const std::byte* at = buffer_ + begin_;
  const bool done = (wire::load<uint16_t>(at + 4) & wire::kReplyFlagDone) != 0;
  const auto type = wire::load<uint16_t>(at + 6);
  Slot& slot = slot_of(wire::load<uint64_t>(at + 8));
  const auto length = wire::load<uint32_t>(at + 16);
  if ((type & 0x8000) != 0) return parse_error_chunk(slot, length);
  const size_t whole = wire::kChunkHeaderSize + length;
  if (available() < std::min(whole, kLongestFixedPart)) return false;
  const std::byte* body = at + wire::kChunkHeaderSize;
  const auto kind = static_cast<wire::Chunk>(type);

  if (kind == wire::Chunk::offset_data && length > 8) {
    begin_ += wire::kChunkHeaderSize + 8;
    start_data(slot, wire::load<uint64_t>(body), length - 8, done);
    return true;
  }
  if (kind == wire::Chunk::block_status && length >= 12 && length % 8 == 4 &&
      slot.request.command == wire::Command::block_status) {
    begin_ += wire::kChunkHeaderSize;
    slot.answered = true;
    current_ = &slot;
    payload_left_ = length;
    is_data_ = false;
    is_last_ = done;
    return true;
  }
  if (kind == wire::Chunk::offset_hole && length == 12) {
    start_data(slot, wire::load<uint64_t>(body), wire::load<uint32_t>(body + 8), done);
    payload_left_ = 0;
    if (verify_ != nullptr) {
      nbd::fail("wrong data: a hole at offset {}, which was written", position_);
    }
  } else if (kind != wire::Chunk::none || length != 0 || !done) {
    nbd::fail("the server answers {} with a chunk of type {} and {} bytes", describe(slot.request),
              type, length);
  }
  begin_ += whole;
  if (done) complete(slot, now_ns, tally);
  return true;
}

bool Replies::parse_error_chunk(Slot& slot, size_t length) {
  if (length < 6 || length > kMaxErrorChunk) {
    nbd::fail("the server answers {} with an error of {} bytes", describe(slot.request), length);
  }
  if (available() < wire::kChunkHeaderSize + length) return false;
  fail_reply(slot, wire::load<uint32_t>(buffer_ + begin_ + wire::kChunkHeaderSize));
}

}  // namespace testkit::bench
