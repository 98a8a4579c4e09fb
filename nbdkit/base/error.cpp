// SPDX-License-Identifier: BSD-3-Clause
#include "base/error.hpp"

#include <array>
#include <charconv>
#include <string_view>
#include <system_error>

namespace nbd {

namespace {

struct Name {
  int errnum;
  std::string_view name;
};
#define NBD_ERRNO(e) \
  Name { e, #e }
// What crosses the NBD protocol, and what files and sockets give most often.
constexpr std::array kNames{
    NBD_ERRNO(EPERM),      NBD_ERRNO(ENOENT),     NBD_ERRNO(EIO),          NBD_ERRNO(EBADF),
    NBD_ERRNO(EAGAIN),     NBD_ERRNO(ENOMEM),     NBD_ERRNO(EACCES),       NBD_ERRNO(EBUSY),
    NBD_ERRNO(EEXIST),     NBD_ERRNO(ENODEV),     NBD_ERRNO(EISDIR),       NBD_ERRNO(ENOTDIR),
    NBD_ERRNO(EINVAL),     NBD_ERRNO(EFBIG),      NBD_ERRNO(ENOSPC),       NBD_ERRNO(EROFS),
    NBD_ERRNO(EPIPE),      NBD_ERRNO(ERANGE),     NBD_ERRNO(ENOSYS),       NBD_ERRNO(EOVERFLOW),
    NBD_ERRNO(EPROTO),     NBD_ERRNO(EOPNOTSUPP), NBD_ERRNO(ECONNREFUSED), NBD_ERRNO(ECONNRESET),
    NBD_ERRNO(ENOTCONN),   NBD_ERRNO(ESHUTDOWN),  NBD_ERRNO(ETIMEDOUT),    NBD_ERRNO(ECONNABORTED),
    NBD_ERRNO(EADDRINUSE), NBD_ERRNO(EDQUOT),     NBD_ERRNO(ECANCELED),    NBD_ERRNO(EXDEV)};
#undef NBD_ERRNO

}  // namespace

std::string errno_text(int errnum) { return std::generic_category().message(errnum); }

std::string errno_name(int errnum) {
  for (const Name& n : kNames)
    if (n.errnum == errnum) return std::string(n.name);
  return fmt::format("errno {}", errnum);
}

int errno_from_name(std::string_view name) {
  if (name == "ENOTSUP") return ENOTSUP;  // the protocol's word for EOPNOTSUPP
  for (const Name& n : kNames)
    if (n.name == name) return n.errnum;
  int number = 0;
  auto [end, ec] = std::from_chars(name.data(), name.data() + name.size(), number);
  return ec == std::errc{} && end == name.data() + name.size() && number > 0 ? number : 0;
}

}  // namespace nbd
