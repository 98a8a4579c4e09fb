// SPDX-License-Identifier: BSD-3-Clause
#include "wire/reply.hpp"

namespace nbd::wire {

namespace {

ReplyHeader simple_reply(const Request& r, ErrorCode error) {
  ReplyHeader h;
  store(h.bytes.data(), kSimpleReplyMagic);
  store(h.bytes.data() + 4, static_cast<uint32_t>(error));
  store(h.bytes.data() + 8, r.cookie);
  h.size = kSimpleReplySize;
  return h;
}

// `length` bytes of payload follow. Both forms begin alike.
ReplyHeader chunk(ReplyStyle style, const Request& r, Chunk type, uint64_t length, bool done) {
  ReplyHeader h;
  const bool extended = style == ReplyStyle::extended;
  store(h.bytes.data(), extended ? kExtendedReplyMagic : kStructuredReplyMagic);
  store(h.bytes.data() + 4, done ? kReplyFlagDone : uint16_t{0});
  store(h.bytes.data() + 6, static_cast<uint16_t>(type));
  store(h.bytes.data() + 8, r.cookie);
  if (extended) {
    store(h.bytes.data() + 16, r.offset);
    store(h.bytes.data() + 24, length);
    h.size = kExtendedChunkHeaderSize;
  } else {
    store(h.bytes.data() + 16, static_cast<uint32_t>(length));
    h.size = kChunkHeaderSize;
  }
  return h;
}

template <class T>
void append(ReplyHeader& h, T value) {
  store(h.bytes.data() + h.size, value);
  h.size += sizeof value;
}

std::string_view text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// The protocol allows 4096, but QEMU 7.2 drops the connection over an error whose
// payload is larger than 1000 bytes.
constexpr size_t kMaxErrorText = 900;

// At most so many bytes, and no half of a UTF-8 character.
std::string_view first_bytes(std::string_view text, size_t most) {
  if (text.size() <= most) return text;
  while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xc0) == 0x80) --most;
  return text.substr(0, most);
}

// Structured replies leave a choice for what has no data: the short form, but
// where a text is to go with it.
bool is_chunked(ReplyStyle style, const Request& r, bool has_text) {
  if (style != ReplyStyle::structured) return style == ReplyStyle::extended;
  return has_text || r.command == Command::read || r.command == Command::block_status;
}

}  // namespace

ReplyHeader success_reply(ReplyStyle style, const Request& r) {
  return style == ReplyStyle::extended ? chunk(style, r, Chunk::none, 0, true)
                                       : simple_reply(r, ErrorCode::none);
}

ReplyHeader data_chunk(ReplyStyle style, const Request& r, uint64_t offset, uint32_t length,
                       bool done) {
  if (style == ReplyStyle::simple) return simple_reply(r, ErrorCode::none);
  ReplyHeader h = chunk(style, r, Chunk::offset_data, uint64_t{length} + 8, done);
  append(h, offset);
  return h;
}

ReplyHeader hole_chunk(ReplyStyle style, const Request& r, uint64_t offset, uint32_t length,
                       bool done) {
  ReplyHeader h = chunk(style, r, Chunk::offset_hole, 12, done);
  append(h, offset);
  append(h, length);
  return h;
}

Writer error_reply(ReplyStyle style, const Request& r, ErrorCode error, std::string_view text,
                   std::optional<uint64_t> offset) {
  Writer w;
  if (!is_chunked(style, r, !text.empty())) {
    w.put(text_of(simple_reply(r, error).view()));
    return w;
  }
  text = first_bytes(text, kMaxErrorText);
  const uint64_t length = 6 + text.size() + (offset ? 8 : 0);
  const Chunk type = offset ? Chunk::error_offset : Chunk::error;
  w.put(text_of(chunk(style, r, type, length, true).view()));
  w.put(static_cast<uint32_t>(error)).put(static_cast<uint16_t>(text.size())).put(text);
  if (offset) w.put(*offset);
  return w;
}

Writer block_status_reply(ReplyStyle style, const Request& r, uint32_t context_id,
                          const std::vector<BlockDescriptor>& blocks) {
  Writer w;
  if (style == ReplyStyle::extended) {
    w.put(text_of(chunk(style, r, Chunk::block_status_ext, 8 + 16 * blocks.size(), true).view()));
    w.put(context_id).put(static_cast<uint32_t>(blocks.size()));
    for (const BlockDescriptor& b : blocks) w.put(b.length).put(uint64_t{b.status});
  } else {
    w.put(text_of(chunk(style, r, Chunk::block_status, 4 + 8 * blocks.size(), true).view()));
    w.put(context_id);
    for (const BlockDescriptor& b : blocks) w.put(static_cast<uint32_t>(b.length)).put(b.status);
  }
  return w;
}

}  // namespace nbd::wire
