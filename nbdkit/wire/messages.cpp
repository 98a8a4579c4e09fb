// SPDX-License-Identifier: BSD-3-Clause
#include "wire/messages.hpp"

namespace nbd::wire {

std::optional<OptionHeader> decode_option_header(
    std::span<const std::byte, kOptionHeaderSize> bytes) {
  if (load<uint64_t>(bytes.data()) != kIHaveOpt) return std::nullopt;
  return OptionHeader{static_cast<Option>(load<uint32_t>(bytes.data() + 8)),
                      load<uint32_t>(bytes.data() + 12)};
}

Writer encode_option_reply(Option option, OptionReply reply, Bytes data) {
  Writer w;
  w.put(kOptionReplyMagic)
      .put(static_cast<uint32_t>(option))
      .put(static_cast<uint32_t>(reply))
      .put(static_cast<uint32_t>(data.size()));
  w.put(std::string_view(reinterpret_cast<const char*>(data.data()), data.size()));
  return w;
}

std::optional<InfoRequest> decode_info_request(Bytes data) {
  Reader in(data);
  const auto name = in.take_string();
  if (!name) return std::nullopt;
  const auto count = in.take<uint16_t>();
  if (!count || in.left() != *count * sizeof(uint16_t)) return std::nullopt;
  InfoRequest out{*name, {}};
  for (uint16_t i = 0; i < *count; ++i)
    out.wanted.push_back(static_cast<Info>(*in.take<uint16_t>()));
  return out;
}

std::optional<MetaContextRequest> decode_meta_context_request(Bytes data) {
  Reader in(data);
  const auto name = in.take_string();
  if (!name) return std::nullopt;
  const auto count = in.take<uint32_t>();
  if (!count) return std::nullopt;
  MetaContextRequest out{*name, {}};
  // Each query takes four bytes at least, so a lying count ends with the data.
  for (uint32_t i = 0; i < *count; ++i) {
    const auto query = in.take_string();
    if (!query) return std::nullopt;
    out.queries.push_back(*query);
  }
  if (!in.done()) return std::nullopt;
  return out;
}

std::optional<Request> decode_request(const std::byte* bytes) {
  if (load<uint32_t>(bytes) != kRequestMagic) return std::nullopt;
  return Request{.flags = load<uint16_t>(bytes + 4),
                 .command = static_cast<Command>(load<uint16_t>(bytes + 6)),
                 .cookie = load<uint64_t>(bytes + 8),
                 .offset = load<uint64_t>(bytes + 16),
                 .length = load<uint32_t>(bytes + 24)};
}

void encode_request(std::byte* at, const Request& r) {
  store(at, kRequestMagic);
  store(at + 4, r.flags);
  store(at + 6, static_cast<uint16_t>(r.command));
  store(at + 8, r.cookie);
  store(at + 16, r.offset);
  store(at + 24, r.length);
}

ErrorCode error_code_for(const Request& r, int errnum) {
  const ErrorCode code = error_code_of(errnum);
  const bool allowed = code == ErrorCode::enotsup     ? (r.flags & command_flag::kFastZero) != 0
                       : code == ErrorCode::eoverflow ? (r.flags & command_flag::kDf) != 0
                                                      : true;
  return allowed ? code : ErrorCode::einval;
}

ReplyHeader simple_reply(uint64_t cookie, ErrorCode error) {
  ReplyHeader h;
  store(h.bytes.data(), kSimpleReplyMagic);
  store(h.bytes.data() + 4, static_cast<uint32_t>(error));
  store(h.bytes.data() + 8, cookie);
  h.size = kSimpleReplySize;
  return h;
}

ReplyHeader last_chunk(uint64_t cookie, Chunk type, uint32_t length) {
  ReplyHeader h;
  store(h.bytes.data(), kStructuredReplyMagic);
  store(h.bytes.data() + 4, kReplyFlagDone);
  store(h.bytes.data() + 6, static_cast<uint16_t>(type));
  store(h.bytes.data() + 8, cookie);
  store(h.bytes.data() + 16, length);
  h.size = kChunkHeaderSize;
  return h;
}

ReplyHeader offset_data_chunk(uint64_t cookie, uint64_t offset, uint32_t length) {
  ReplyHeader h = last_chunk(cookie, Chunk::offset_data, length + 8);
  store(h.bytes.data() + kChunkHeaderSize, offset);
  h.size = kChunkHeaderSize + 8;
  return h;
}

std::vector<std::byte> block_status_payload(uint32_t context_id,
                                            const std::vector<BlockDescriptor>& blocks) {
  std::vector<std::byte> out(4 + 8 * blocks.size());
  store(out.data(), context_id);
  std::byte* at = out.data() + 4;
  for (const BlockDescriptor& b : blocks) {
    store(at, b.length);
    store(at + 4, b.status);
    at += 8;
  }
  return out;
}

ReplyHeader error_chunk(uint64_t cookie, ErrorCode error) {
  ReplyHeader h = last_chunk(cookie, Chunk::error, 6);
  store(h.bytes.data() + kChunkHeaderSize, static_cast<uint32_t>(error));
  store(h.bytes.data() + kChunkHeaderSize + 4, uint16_t{0});
  h.size = kChunkHeaderSize + 6;
  return h;
}

}  // namespace nbd::wire
