// SPDX-License-Identifier: BSD-3-Clause
//
// Replies of the transmission phase, in the three forms that a connection may
// have agreed on. What does not fit one form (a hole in a simple reply) is for
// the caller to know.
#pragma once

#include <array>
#include <optional>
#include <string_view>
#include <vector>

#include "wire/messages.hpp"

namespace nbd::wire {

enum class ReplyStyle : uint8_t {
  simple,      // errors and reads: header, then data
  structured,  // reads and block status in chunks; the rest stays simple
  extended,    // everything in chunks, lengths of 64 bits
};

// The fixed part of a reply or chunk, all that stands before its data. The
// longest is an extended OFFSET_HOLE: header 32, offset 8, length 4.
struct ReplyHeader {
  std::array<std::byte, kExtendedChunkHeaderSize + 12> bytes;
  size_t size = 0;
  Bytes view() const { return Bytes(bytes).first(size); }
};

// Success without data.
ReplyHeader success_reply(ReplyStyle style, const Request& request);

// `length` bytes of data follow. done: it is the last chunk. In a simple reply
// there is one of it, for all that was asked for.
ReplyHeader data_chunk(ReplyStyle style, const Request& request, uint64_t offset, uint32_t length,
                       bool done = true);
// A range that reads as zeroes, and of which nothing is sent. REQUIRES: not simple.
ReplyHeader hole_chunk(ReplyStyle style, const Request& request, uint64_t offset, uint32_t length,
                       bool done);

// With a text for people, and the offset of the error if it is known, where the
// form has a place for them.
Writer error_reply(ReplyStyle style, const Request& request, ErrorCode error,
                   std::string_view text = {}, std::optional<uint64_t> offset = std::nullopt);

struct BlockDescriptor {
  uint64_t length;  // fits 32 bits but in extended replies
  uint32_t status;
};
// REQUIRES: not simple.
Writer block_status_reply(ReplyStyle style, const Request& request, uint32_t context_id,
                          const std::vector<BlockDescriptor>& blocks);

}  // namespace nbd::wire
