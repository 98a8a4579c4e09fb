// SPDX-License-Identifier: BSD-3-Clause
//
// Exported to plugins: passwords that do not stand on the command line.
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include <cstdio>
#include <memory>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "base/parse.hpp"
#include "layers/context.hpp"

namespace {

using File = std::unique_ptr<FILE, int (*)(FILE*)>;

// The first line, without its end.
std::string first_line(FILE* file, std::string_view what) {
  char* line = nullptr;
  size_t size = 0;
  const ssize_t length = ::getline(&line, &size, file);
  const std::unique_ptr<char, void (*)(void*)> owned(line, ::free);
  if (length == -1) nbd::fail("no password could be read from {}", what);
  std::string out(line, static_cast<size_t>(length));
  if (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

// Keeps what is typed off the screen.
class EchoOff {
 public:
  EchoOff() {
    nbd::sys([&] { return ::tcgetattr(STDIN_FILENO, &saved_); }, "tcgetattr");
    termios quiet = saved_;
    quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO);
    nbd::sys([&] { return ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &quiet); }, "tcsetattr");
  }
  EchoOff(const EchoOff&) = delete;
  EchoOff& operator=(const EchoOff&) = delete;
  ~EchoOff() { ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &saved_); }

 private:
  termios saved_{};
};

std::string ask() {
  if (!nbdkit::server().stdio_safe) nbd::fail("stdin cannot be read for a password now");
  if (::isatty(STDIN_FILENO) == 0) nbd::fail("stdin is not a terminal to read a password from");
  fmt::print("password: ");
  std::fflush(stdout);
  std::string password;
  {
    const EchoOff quiet;
    password = first_line(stdin, "the terminal");
  }
  fmt::print("\n");
  return password;
}

std::string from_descriptor(std::string_view number) {
  const int fd = static_cast<int>(nbd::parse_int("file descriptor", number, 0, INT32_MAX));
  if (fd <= STDERR_FILENO) {
    nbd::fail("a password cannot be read from file descriptor {}: use - to be asked", fd);
  }
  const File file(::fdopen(fd, "r"), std::fclose);
  if (file == nullptr) nbd::fail_errno(errno, "file descriptor {}", fd);
  return first_line(file.get(), fmt::format("file descriptor {}", fd));
}

std::string from_file(const std::string& path) {
  const File file(std::fopen(path.c_str(), "re"), std::fclose);
  if (file == nullptr) nbd::fail_errno(errno, "cannot read a password from {}", path);
  return first_line(file.get(), path);
}

std::string read_password(std::string_view value) {
  if (value == "-") return ask();
  if (value.starts_with('-')) return from_descriptor(value.substr(1));
  if (value.starts_with('+')) return from_file(std::string(value.substr(1)));
  return std::string(value);
}

}  // namespace

int nbdkit_read_password(const char* value, char** password) {
  *password = nullptr;
  try {
    *password = ::strdup(read_password(value).c_str());
    if (*password == nullptr) nbd::fail("out of memory");
    return 0;
  } catch (const std::exception& e) {
    nbd::log::error(std::string_view(e.what()));
    return -1;
  }
}
