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

std::optional<Request> decode_request(const std::byte* bytes, bool extended) {
  if (load<uint32_t>(bytes) != (extended ? kExtendedRequestMagic : kRequestMagic)) {
    return std::nullopt;
  }
  Request r{.flags = load<uint16_t>(bytes + 4),
            .command = static_cast<Command>(load<uint16_t>(bytes + 6)),
            .cookie = load<uint64_t>(bytes + 8),
            .offset = load<uint64_t>(bytes + 16),
            .length = extended ? load<uint64_t>(bytes + 24) : load<uint32_t>(bytes + 24),
            .payload = 0};
  const bool carries =
      extended ? (r.flags & command_flag::kPayloadLen) != 0 : r.command == Command::write;
  if (carries) r.payload = r.length;
  if (extended) r.flags = static_cast<uint16_t>(r.flags & ~command_flag::kPayloadLen);
  return r;
}

void encode_request(std::byte* at, const Request& r, bool extended) {
  const uint16_t payload_flag =
      extended && r.payload != 0 ? command_flag::kPayloadLen : uint16_t{0};
  store(at, extended ? kExtendedRequestMagic : kRequestMagic);
  store(at + 4, static_cast<uint16_t>(r.flags | payload_flag));
  store(at + 6, static_cast<uint16_t>(r.command));
  store(at + 8, r.cookie);
  store(at + 16, r.offset);
  if (extended) {
    store(at + 24, r.payload != 0 ? r.payload : r.length);
  } else {
    store(at + 24, static_cast<uint32_t>(r.length));
  }
}

std::optional<BlockStatusPayload> decode_block_status_payload(Bytes data) {
  Reader in(data);
  const auto length = in.take<uint64_t>();
  if (!length) return std::nullopt;
  BlockStatusPayload out{*length, {}};
  while (const auto id = in.take<uint32_t>()) out.context_ids.push_back(*id);
  if (!in.done()) return std::nullopt;
  return out;
}

ErrorCode error_code_for(const Request& r, int errnum) {
  const ErrorCode code = error_code_of(errnum);
  const bool allowed = code == ErrorCode::enotsup     ? (r.flags & command_flag::kFastZero) != 0
                       : code == ErrorCode::eoverflow ? (r.flags & command_flag::kDf) != 0
                                                      : true;
  return allowed ? code : ErrorCode::einval;
}

}  // namespace nbd::wire
