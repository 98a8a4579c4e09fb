// SPDX-License-Identifier: BSD-3-Clause
//
// Exported to plugins: parameters. The work is done in base/parse; here its
// Errors become -1 after a message, as the C interface has it.
#include <chrono>
#include <limits>
#include <type_traits>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/parse.hpp"

namespace {

template <class Body>
int told(Body&& body) noexcept {
  try {
    body();
    return 0;
  } catch (const std::exception& e) {
    nbd::log::error(std::string_view(e.what()));
    return -1;
  }
}

template <class T>
int parse_number(const char* what, const char* str, T* r) noexcept {
  return told([&] {
    T value;
    if constexpr (std::is_signed_v<T>) {
      value = static_cast<T>(
          nbd::parse_int(what, str, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
    } else {
      value = static_cast<T>(nbd::parse_unsigned(what, str, std::numeric_limits<T>::max()));
    }
    if (r != nullptr) *r = value;
  });
}

}  // namespace

#define NBDKIT_PARSE(suffix, type)                                        \
  int nbdkit_parse_##suffix(const char* what, const char* str, type* r) { \
    return parse_number(what, str, r);                                    \
  }
NBDKIT_PARSE(int, int)
NBDKIT_PARSE(unsigned, unsigned)
NBDKIT_PARSE(int8_t, int8_t)
NBDKIT_PARSE(uint8_t, uint8_t)
NBDKIT_PARSE(int16_t, int16_t)
NBDKIT_PARSE(uint16_t, uint16_t)
NBDKIT_PARSE(int32_t, int32_t)
NBDKIT_PARSE(uint32_t, uint32_t)
NBDKIT_PARSE(int64_t, int64_t)
NBDKIT_PARSE(uint64_t, uint64_t)
#undef NBDKIT_PARSE

int64_t nbdkit_parse_size(const char* str) {
  int64_t size = -1;
  told([&] { size = static_cast<int64_t>(nbd::parse_size("size", str)); });
  return size;
}

int nbdkit_parse_bool(const char* str) {
  int value = -1;
  told([&] { value = nbd::parse_bool("boolean", str) ? 1 : 0; });
  return value;
}

int nbdkit_parse_probability(const char* what, const char* str, double* r) {
  return told([&] {
    const double value = nbd::parse_probability(what, str);
    if (r != nullptr) *r = value;
  });
}

int nbdkit_parse_delay(const char* what, const char* str, unsigned* sec, unsigned* nsec) {
  return told([&] {
    const auto delay = nbd::parse_delay(what, str);
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(delay);
    if (seconds.count() > std::numeric_limits<unsigned>::max()) {
      nbd::fail("{}: delay is too long: \"{}\"", what, str);
    }
    *sec = static_cast<unsigned>(seconds.count());
    *nsec = static_cast<unsigned>((delay - seconds).count());
  });
}
