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
#include <vector>

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

// A line of a hexadecimal dump: `count` bytes of a buffer, from its byte `at`.
struct Row {
  static constexpr size_t kBytes = 16;
  size_t at, count;

  const unsigned char* in(const void* buf) const {
    return static_cast<const unsigned char*>(buf) + at;
  }
  bool same(const void* one, const void* other) const {
    return std::equal(in(one), in(one) + count, in(other));
  }
  // With `old`, only the bytes that are not as in that buffer.
  void print(const char* mark, const char* prefix, uint64_t start, const void* buf,
             const void* old = nullptr) const {
    std::string hex, text;
    for (size_t i = 0; i < kBytes; ++i) {
      const bool shown = i < count && (old == nullptr || in(buf)[i] != in(old)[i]);
      if (i == kBytes / 2) hex += ' ';
      hex += shown ? fmt::format("{:02x} ", in(buf)[i]) : "   ";
      if (i >= count) continue;
      text += !shown ? ' ' : std::isprint(in(buf)[i]) != 0 ? static_cast<char>(in(buf)[i]) : '.';
    }
    nbd::log::debug("{}{}{:08x}: {} |{}|", mark, prefix != nullptr ? prefix : "", start + at, hex,
                    text);
  }
};

std::vector<Row> rows_of(size_t len) {
  std::vector<Row> rows;
  for (size_t at = 0; at < len; at += Row::kBytes) {
    rows.push_back({at, std::min(Row::kBytes, len - at)});
  }
  return rows;
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
  for (const Row& row : rows_of(len)) row.print("", prefix, start, buf);
  errno = saved;
}

void nbdkit_debug_hexdiff(const void* buf1, const void* buf2, size_t len, const char* prefix,
                          uint64_t start) {
  if (!nbd::log::verbose()) return;
  const int saved = errno;
  for (const Row& row : rows_of(len)) {
    if (row.same(buf1, buf2)) {
      row.print("", prefix, start, buf1);
    } else {
      row.print("-", prefix, start, buf1);
      row.print("+", prefix, start, buf2, buf1);
    }
  }
  errno = saved;
}

void nbdkit_set_error(int err) { nbdkit::current.error = err; }
