// SPDX-License-Identifier: BSD-3-Clause
//
// Exported to plugins: messages and the errno of a request.
#include <stdarg.h>
#include <stdio.h>

#include <cerrno>
#include <cstdlib>

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
  format_to([](const char* text) { nbd::log::error(text); }, format, args);
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

void nbdkit_set_error(int err) { nbdkit::current.error = err; }
