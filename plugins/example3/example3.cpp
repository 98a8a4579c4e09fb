// SPDX-License-Identifier: BSD-3-Clause
//
// example3: state for each client. Whoever connects gets a disk of its own, all
// zeroes, which is gone when it disconnects.
//
// A member struct Connection is made for each client by Connection(plugin,
// read_only) and destroyed when it has gone; requests are then looked for
// there. If its constructor throws, the client is refused.
#include <nbdkit/plugin.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>

namespace {

using nbd::Flags;
using nbd::Status;

struct Example3 {
  static constexpr auto name = "example3";
  static constexpr auto description = "Example: a disk of its own for each client";
  static constexpr auto help = "size=<SIZE>                   size of the disk (default 100M)";

  bool config(std::string_view key, std::string_view value) {
    if (key != "size") return false;
    size_ = nbd::parse_size(value);
    return true;
  }

  struct Connection;

 private:
  uint64_t size_ = 100 << 20;
};

struct Example3::Connection {
  Connection(Example3& plugin, bool) : size_(plugin.size_) {
    // A file in memory that has no name, so nobody can forget to remove it.
    fd_ = ::memfd_create("example3", MFD_CLOEXEC);
    if (fd_ == -1 || ::ftruncate(fd_, static_cast<off_t>(size_)) == -1) {
      const int errnum = errno;
      if (fd_ != -1) ::close(fd_);
      throw nbd::Error(errnum,
                       std::string("example3: cannot make a disk: ") + std::strerror(errnum));
    }
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { ::close(fd_); }

  uint64_t size() { return size_; }
  nbd::Support can_fua() { return nbd::Support::native; }  // memory is as safe as it gets

  Status pread(std::span<std::byte> buf, uint64_t offset, Flags) {
    return all(buf, offset, ::pread);
  }
  Status pwrite(std::span<const std::byte> buf, uint64_t offset, Flags) {
    return all(buf, offset, ::pwrite);
  }
  Status flush(Flags) { return nbd::kOk; }

 private:
  template <class Byte, class Call>
  Status all(std::span<Byte> buf, uint64_t offset, Call call) {
    while (!buf.empty()) {
      const ssize_t n = call(fd_, buf.data(), buf.size(), static_cast<off_t>(offset));
      if (n <= 0) return Status(n == 0 ? EIO : errno);
      buf = buf.subspan(static_cast<size_t>(n));
      offset += static_cast<uint64_t>(n);
    }
    return nbd::kOk;
  }

  const uint64_t size_;
  int fd_ = -1;
};

}  // namespace

NBDKIT_PLUGIN(Example3)
