// SPDX-License-Identifier: BSD-3-Clause
//
// Messages as values: decoded from bytes that a peer sent, encoded into a
// caller's storage. No I/O here, and no judgement but of form: whether a
// request is allowed is for session/export.
#pragma once

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
  uint16_t flags;   // without PAYLOAD_LEN, which is what `payload` says
  Command command;  // may hold a number without a name
  uint64_t cookie;
  uint64_t offset;
  uint64_t length;   // of the disk that it is about
  uint64_t payload;  // bytes that follow the request
};

// The two forms of a request's header; which one, the handshake has settled.
constexpr size_t request_size(bool extended) {
  return extended ? kExtendedRequestSize : kRequestSize;
}
// nullopt: the magic is wrong. REQUIRES: request_size() bytes.
std::optional<Request> decode_request(const std::byte* bytes, bool extended);
void encode_request(std::byte* at, const Request& request, bool extended = false);

// Payload of an extended BLOCK_STATUS: the contexts that the client wants now.
struct BlockStatusPayload {
  uint64_t length;
  std::vector<uint32_t> context_ids;
};
std::optional<BlockStatusPayload> decode_block_status_payload(Bytes data);

// error_code_of(), but for the two codes that only some requests may get:
// ENOTSUP answers a fast zero, EOVERFLOW a read that may not be fragmented.
ErrorCode error_code_for(const Request& request, int errnum);

}  // namespace nbd::wire
