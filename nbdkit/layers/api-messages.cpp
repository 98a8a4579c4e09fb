// SPDX-License-Identifier: BSD-3-Clause
//
// Exported to plugins: messages and the errno of a request.
#include <stdarg.h>
#include <stdio.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <cstdlib>
#include <string>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "base/log.hpp"
#include "layers/context.hpp"

namespace {

// %m reads errno, so nothing may change it before vasprintf.
template <class Sink>
void format_to(Sink&& sink, const char* format, va_list args) {
  const int saved = errno;
  char* text = nullptr;
  if (::vasprintf(&text, format, args) >= 0) {
    sink(text);
    std::free(text);
  }
  errno = saved;
}

}  // namespace

void nbdkit_verror(const char* format, va_list args) {
  const auto tell = [](const char* text) {
    nbd::log::error(text);
    nbdkit::remember_error(text);
  };
  format_to(tell, format, args);
}

void nbdkit_vdebug(const char* format, va_list args) {
  if (!nbd::log::verbose()) return;
  format_to([](const char* text) { nbd::log::debug(text); }, format, args);
}

void nbdkit_error(const char* format, ...) {
  va_list args;
  va_start(args, format);
  nbdkit_verror(format, args);
  va_end(args);
}

void nbdkit_debug(const char* format, ...) {
  va_list args;
  va_start(args, format);
  nbdkit_vdebug(format, args);
  va_end(args);
}

void nbdkit_debug_hexdump(const void* buf, size_t len, const char* prefix, uint64_t start) {
  if (!nbd::log::verbose()) return;
  const int saved = errno;
  constexpr size_t kPerLine = 16;
  for (size_t at = 0; at < len; at += kPerLine) {
    const size_t here = std::min(kPerLine, len - at);
    const auto* bytes = static_cast<const unsigned char*>(buf) + at;
    std::string hex, text;
    for (size_t i = 0; i < kPerLine; ++i) {
      if (i == kPerLine / 2) hex += ' ';
      hex += i < here ? fmt::format("{:02x} ", bytes[i]) : "   ";
      if (i < here) text += std::isprint(bytes[i]) != 0 ? static_cast<char>(bytes[i]) : '.';
    }
    nbd::log::debug("{}{:08x}: {} |{}|", prefix != nullptr ? prefix : "", start + at, hex, text);
  }
  errno = saved;
}

void nbdkit_set_error(int err) { nbdkit::current.error = err; }
