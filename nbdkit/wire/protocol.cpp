// SPDX-License-Identifier: BSD-3-Clause
#include "wire/protocol.hpp"

#include <cerrno>

namespace nbd::wire {

std::string_view name_of(Option option) {
  switch (option) {
    case Option::export_name: return "NBD_OPT_EXPORT_NAME";
    case Option::abort: return "NBD_OPT_ABORT";
    case Option::list: return "NBD_OPT_LIST";
    case Option::starttls: return "NBD_OPT_STARTTLS";
    case Option::info: return "NBD_OPT_INFO";
    case Option::go: return "NBD_OPT_GO";
    case Option::structured_reply: return "NBD_OPT_STRUCTURED_REPLY";
    case Option::list_meta_context: return "NBD_OPT_LIST_META_CONTEXT";
    case Option::set_meta_context: return "NBD_OPT_SET_META_CONTEXT";
    case Option::extended_headers: return "NBD_OPT_EXTENDED_HEADERS";
  }
  return {};
}

std::string_view name_of(OptionReply reply) {
  switch (reply) {
    case OptionReply::ack: return "NBD_REP_ACK";
    case OptionReply::server: return "NBD_REP_SERVER";
    case OptionReply::info: return "NBD_REP_INFO";
    case OptionReply::meta_context: return "NBD_REP_META_CONTEXT";
    case OptionReply::err_unsup: return "NBD_REP_ERR_UNSUP";
    case OptionReply::err_policy: return "NBD_REP_ERR_POLICY";
    case OptionReply::err_invalid: return "NBD_REP_ERR_INVALID";
    case OptionReply::err_platform: return "NBD_REP_ERR_PLATFORM";
    case OptionReply::err_tls_reqd: return "NBD_REP_ERR_TLS_REQD";
    case OptionReply::err_unknown: return "NBD_REP_ERR_UNKNOWN";
    case OptionReply::err_shutdown: return "NBD_REP_ERR_SHUTDOWN";
    case OptionReply::err_block_size_reqd: return "NBD_REP_ERR_BLOCK_SIZE_REQD";
    case OptionReply::err_too_big: return "NBD_REP_ERR_TOO_BIG";
    case OptionReply::err_ext_header_reqd: return "NBD_REP_ERR_EXT_HEADER_REQD";
  }
  return {};
}

std::string_view name_of(Command command) {
  switch (command) {
    case Command::read: return "NBD_CMD_READ";
    case Command::write: return "NBD_CMD_WRITE";
    case Command::disc: return "NBD_CMD_DISC";
    case Command::flush: return "NBD_CMD_FLUSH";
    case Command::trim: return "NBD_CMD_TRIM";
    case Command::cache: return "NBD_CMD_CACHE";
    case Command::write_zeroes: return "NBD_CMD_WRITE_ZEROES";
    case Command::block_status: return "NBD_CMD_BLOCK_STATUS";
  }
  return {};
}

ErrorCode error_code_of(int errnum) {
  switch (errnum) {
    case 0: return ErrorCode::none;
    case EPERM:
    case EROFS: return ErrorCode::eperm;
    case EIO: return ErrorCode::eio;
    case ENOMEM: return ErrorCode::enomem;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return ErrorCode::enospc;
    case EOVERFLOW: return ErrorCode::eoverflow;
    case EOPNOTSUPP: return ErrorCode::enotsup;
    case ESHUTDOWN: return ErrorCode::eshutdown;
    default: return ErrorCode::einval;
  }
}

}  // namespace nbd::wire
