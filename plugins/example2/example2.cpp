// SPDX-License-Identifier: BSD-3-Clause
//
// example2: a plugin with a parameter. It serves a file, read-only.
//
// Parameters come in through config(), one at a time; config_complete() is the
// place to see what is missing. Whatever goes wrong there is an nbd::Error: the
// server prints its sentence and exits. What goes wrong in a request is a
// Status with an errno, which the client gets, and a message for the log.
#include <nbdkit/plugin.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

// -D example2.extra=1 on the command line: more for those who look for a bug.
NBDKIT_DEBUG_FLAG(example2_debug_extra);

namespace {

struct Example2 {
  static constexpr auto name = "example2";
  static constexpr auto description = "Example: serve a file, read-only";
  static constexpr auto help = "[file=]<FILENAME>             (required) the file to serve";
  static constexpr auto magic_key = "file";  // nbdkit example2 FILENAME

  bool config(std::string_view key, std::string_view value) {
    if (key != "file") return false;  // the server says that it is unknown
    path_ = nbd::absolute_path(value);
    return true;
  }

  void config_complete() {
    if (path_.empty()) throw nbd::Error("example2: you must give a file: file=<FILENAME>");
    fd_ = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat s{};
    if (fd_ == -1 || ::fstat(fd_, &s) == -1) {
      throw nbd::Error("example2: cannot open " + path_ + ": " + std::strerror(errno));
    }
    size_ = static_cast<uint64_t>(s.st_size);
    nbd::log_debug("example2: serving " + path_);  // seen with --verbose
  }
  void cleanup() { ::close(fd_); }

  // Lines of key=value in the output of nbdkit example2 --dump-plugin.
  void dump_plugin() { std::printf("example2_extra=hello\n"); }

  uint64_t size() { return size_; }
  bool can_multi_conn() { return true; }  // nothing changes, so all clients agree

  nbd::Status pread(std::span<std::byte> buf, uint64_t offset, nbd::Flags) {
    if (example2_debug_extra != 0) {
      nbd::log_debug("example2: " + std::to_string(buf.size()) + " bytes at " +
                     std::to_string(offset));
    }
    while (!buf.empty()) {
      const ssize_t n = ::pread(fd_, buf.data(), buf.size(), static_cast<off_t>(offset));
      if (n <= 0) {
        const int errnum = n == 0 ? EIO : errno;
        nbd::log_error("cannot read " + path_ + " at " + std::to_string(offset) + ": " +
                       (n == 0 ? "it has shrunk" : std::strerror(errnum)));
        return nbd::Status(errnum);
      }
      buf = buf.subspan(static_cast<size_t>(n));
      offset += static_cast<uint64_t>(n);
    }
    return nbd::kOk;
  }

 private:
  std::string path_;
  uint64_t size_ = 0;
  int fd_ = -1;
};

}  // namespace

NBDKIT_PLUGIN(Example2)
