// SPDX-License-Identifier: BSD-3-Clause
//
// The numbers of the NBD protocol, and nothing else.
// Source: doc/proto.md of the NBD project, and of its branch
// extension-ext-header what concerns extended headers. Names are the document's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace nbd::wire {

// ---- Handshake -------------------------------------------------------------

inline constexpr uint64_t kNbdMagic = 0x4e42444d41474943;  // "NBDMAGIC"
inline constexpr uint64_t kIHaveOpt = 0x49484156454F5054;  // "IHAVEOPT"
inline constexpr uint64_t kOldstyleMagic = 0x0000420281861253;
inline constexpr uint64_t kOptionReplyMagic = 0x0003e889045565a9;
inline constexpr size_t kReservedZeroes = 124;  // at the end of EXPORT_NAME's answer

namespace handshake_flag {
inline constexpr uint16_t kFixedNewstyle = 1 << 0;
inline constexpr uint16_t kNoZeroes = 1 << 1;
}  // namespace handshake_flag

namespace client_flag {
inline constexpr uint32_t kFixedNewstyle = 1 << 0;
inline constexpr uint32_t kNoZeroes = 1 << 1;
}  // namespace client_flag

enum class Option : uint32_t {
  export_name = 1,
  abort = 2,
  list = 3,
  starttls = 5,
  info = 6,
  go = 7,
  structured_reply = 8,
  list_meta_context = 9,
  set_meta_context = 10,
  extended_headers = 11,
};

inline constexpr uint32_t kRepError = uint32_t{1} << 31;  // set in every error reply

enum class OptionReply : uint32_t {
  ack = 1,
  server = 2,
  info = 3,
  meta_context = 4,
  err_unsup = kRepError + 1,
  err_policy = kRepError + 2,
  err_invalid = kRepError + 3,
  err_platform = kRepError + 4,
  err_tls_reqd = kRepError + 5,
  err_unknown = kRepError + 6,
  err_shutdown = kRepError + 7,
  err_block_size_reqd = kRepError + 8,
  err_too_big = kRepError + 9,
  err_ext_header_reqd = kRepError + 10,
};

enum class Info : uint16_t { export_ = 0, name = 1, description = 2, block_size = 3 };

inline constexpr uint32_t kMaxString = 4096;  // "MUST be no longer than 4096 bytes"
inline constexpr std::string_view kBaseAllocation = "base:allocation";
// The id that this code gives to it, being the only context.
inline constexpr uint32_t kBaseAllocationId = 1;

// ---- Transmission ----------------------------------------------------------

namespace transmission_flag {
inline constexpr uint16_t kHasFlags = 1 << 0;
inline constexpr uint16_t kReadOnly = 1 << 1;
inline constexpr uint16_t kSendFlush = 1 << 2;
inline constexpr uint16_t kSendFua = 1 << 3;
inline constexpr uint16_t kRotational = 1 << 4;
inline constexpr uint16_t kSendTrim = 1 << 5;
inline constexpr uint16_t kSendWriteZeroes = 1 << 6;
inline constexpr uint16_t kSendDf = 1 << 7;
inline constexpr uint16_t kCanMultiConn = 1 << 8;
inline constexpr uint16_t kSendResize = 1 << 9;
inline constexpr uint16_t kSendCache = 1 << 10;
inline constexpr uint16_t kSendFastZero = 1 << 11;
inline constexpr uint16_t kBlockStatusPayload = 1 << 12;
}  // namespace transmission_flag

inline constexpr uint32_t kRequestMagic = 0x25609513;
inline constexpr uint32_t kSimpleReplyMagic = 0x67446698;
inline constexpr uint32_t kStructuredReplyMagic = 0x668e33ef;
inline constexpr uint32_t kExtendedRequestMagic = 0x21e41c71;
inline constexpr uint32_t kExtendedReplyMagic = 0x6e8a278c;

inline constexpr size_t kRequestSize = 28;
inline constexpr size_t kExtendedRequestSize = 32;
inline constexpr size_t kSimpleReplySize = 16;
inline constexpr size_t kChunkHeaderSize = 20;
inline constexpr size_t kExtendedChunkHeaderSize = 32;

enum class Command : uint16_t {
  read = 0,
  write = 1,
  disc = 2,
  flush = 3,
  trim = 4,
  cache = 5,
  write_zeroes = 6,
  block_status = 7,
};

namespace command_flag {
inline constexpr uint16_t kFua = 1 << 0;
inline constexpr uint16_t kNoHole = 1 << 1;
inline constexpr uint16_t kDf = 1 << 2;
inline constexpr uint16_t kReqOne = 1 << 3;
inline constexpr uint16_t kFastZero = 1 << 4;
inline constexpr uint16_t kPayloadLen = 1 << 5;
}  // namespace command_flag

enum class Chunk : uint16_t {
  none = 0,
  offset_data = 1,
  offset_hole = 2,
  block_status = 5,
  block_status_ext = 6,
  error = (1 << 15) + 1,
  error_offset = (1 << 15) + 2,
};

inline constexpr uint16_t kReplyFlagDone = 1 << 0;

// Errors that may stand in a reply; the numbers are Linux's.
enum class ErrorCode : uint32_t {
  none = 0,
  eperm = 1,
  eio = 5,
  enomem = 12,
  einval = 22,
  enospc = 28,
  eoverflow = 75,
  enotsup = 95,
  eshutdown = 108,
};

// Block status of base:allocation.
inline constexpr uint32_t kStateHole = 1 << 0;
inline constexpr uint32_t kStateZero = 1 << 1;

// "NBD_OPT_GO", "NBD_REP_ACK", "NBD_CMD_READ"; empty for an unknown number.
std::string_view name_of(Option option);
std::string_view name_of(OptionReply reply);
std::string_view name_of(Command command);

// What a client may be told for an errno of the system: the protocol has nine
// codes, so read-only becomes EPERM, out of quota ENOSPC, the unknown EINVAL.
ErrorCode error_code_of(int errnum);

}  // namespace nbd::wire
