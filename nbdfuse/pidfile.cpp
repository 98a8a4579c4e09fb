// SPDX-License-Identifier: BSD-3-Clause
#include "pidfile.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>

#include "base/error.hpp"
#include "base/fd.hpp"

namespace nbdfuse {

void write_pidfile(const std::string& path) {
  const std::string text = fmt::format("{}\n", ::getpid());
  // A pipe, or /dev/stdout, is written to; replacing it would miss its reader.
  struct stat st;
  const bool in_place = ::stat(path.c_str(), &st) == 0 && !S_ISREG(st.st_mode);
  const std::string target = in_place ? path : fmt::format("{}.{}", path, ::getpid());
  const int flags = O_WRONLY | O_CLOEXEC | (in_place ? 0 : O_CREAT | O_TRUNC | O_NOFOLLOW);
  nbd::Fd fd(nbd::sys([&] { return ::open(target.c_str(), flags, 0644); }, "pidfile {}", path));
  nbd::sys([&] { return ::write(fd.get(), text.data(), text.size()); }, "pidfile {}", path);
  if (in_place) return;
  if (::rename(target.c_str(), path.c_str()) == -1) {
    const int error = errno;
    ::unlink(target.c_str());
    nbd::fail_errno(error, "pidfile {}", path);
  }
}

}  // namespace nbdfuse
