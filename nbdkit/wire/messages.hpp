// SPDX-License-Identifier: BSD-3-Clause
//
// Messages as values: decoded from bytes that a peer sent, encoded into a
// caller's storage. No I/O here, and no judgement but of form: whether a
// request is allowed is for session/export.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "wire/codec.hpp"
#include "wire/protocol.hpp"

namespace nbd::wire {

// ---- Handshake

// What comes before the data of each option: magic, option, length (16 bytes).
inline constexpr size_t kOptionHeaderSize = 16;

struct OptionHeader {
  Option option;  // may hold a number without a name
  uint32_t length;
};
// nullopt: the magic is wrong.
std::optional<OptionHeader> decode_option_header(std::span<const std::byte, kOptionHeaderSize>);

Writer encode_option_reply(Option option, OptionReply reply, Bytes data);

// Data of INFO and GO.
struct InfoRequest {
  std::string_view export_name;
  std::vector<Info> wanted;
};
std::optional<InfoRequest> decode_info_request(Bytes data);

// Data of LIST_META_CONTEXT and SET_META_CONTEXT.
struct MetaContextRequest {
  std::string_view export_name;
  std::vector<std::string_view> queries;
};
std::optional<MetaContextRequest> decode_meta_context_request(Bytes data);

// ---- Transmission

struct Request {
  uint16_t flags;
  Command command;  // may hold a number without a name
  uint64_t cookie;
  uint64_t offset;
  uint32_t length;
};
// nullopt: the magic is wrong. REQUIRES: kRequestSize bytes.
std::optional<Request> decode_request(const std::byte* bytes);
void encode_request(std::byte* at, const Request& request);

// error_code_of(), but for the two codes that only some requests may get:
// ENOTSUP answers a fast zero, EOVERFLOW a read that may not be fragmented.
ErrorCode error_code_for(const Request& request, int errnum);

// The fixed part of a reply, all that stands before its data. The longest is
// an OFFSET_DATA chunk: header 20, offset 8.
struct ReplyHeader {
  std::array<std::byte, kChunkHeaderSize + 8> bytes;
  size_t size = 0;
  Bytes view() const { return Bytes(bytes).first(size); }
};

ReplyHeader simple_reply(uint64_t cookie, ErrorCode error);
// The one chunk of a read that succeeded; `length` bytes of data follow.
ReplyHeader offset_data_chunk(uint64_t cookie, uint64_t offset, uint32_t length);
// A whole ERROR chunk, the last, without a message.
ReplyHeader error_chunk(uint64_t cookie, ErrorCode error);
// The header of a last chunk; `length` bytes of payload follow.
ReplyHeader last_chunk(uint64_t cookie, Chunk type, uint32_t length);

struct BlockDescriptor {
  uint32_t length;
  uint32_t status;
};
// Payload of a BLOCK_STATUS chunk.
std::vector<std::byte> block_status_payload(uint32_t context_id,
                                            const std::vector<BlockDescriptor>& blocks);

}  // namespace nbd::wire
