// SPDX-License-Identifier: BSD-3-Clause
//
// What plugins and filters in C++ have in common: the server's functions with
// C++ types. Everything here is inline over the C functions that the server
// exports, so a module links to nothing.
#pragma once

#ifndef NBDKIT_API_VERSION
#define NBDKIT_API_VERSION 2
#endif
#include <nbdkit-plugin-extras.h>
#include <nbdkit-plugin.h>
#if NBDKIT_API_VERSION != 2
#error "the C++ SDK needs NBDKIT_API_VERSION 2"
#endif

#include <chrono>
#include <cstdlib>
#include <exception>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>

#include <nbdkit/disk.hpp>
#include <nbdkit/error.hpp>

namespace nbd {

// Thrown after the server has told the user already; the edge adds no message.
class __attribute__((visibility("default"))) Reported : public std::exception {
 public:
  const char* what() const noexcept override { return "error reported"; }
};

inline void log_error(const std::string& text) { nbdkit_error("%s", text.c_str()); }
inline void log_debug(const std::string& text) { nbdkit_debug("%s", text.c_str()); }

inline uint64_t parse_size(std::string_view text) {
  const int64_t size = nbdkit_parse_size(std::string(text).c_str());
  if (size < 0) throw Reported();
  return static_cast<uint64_t>(size);
}
inline bool parse_bool(std::string_view text) {
  const int value = nbdkit_parse_bool(std::string(text).c_str());
  if (value < 0) throw Reported();
  return value != 0;
}
inline uint64_t parse_uint64(std::string_view what, std::string_view text) {
  uint64_t value = 0;
  if (nbdkit_parse_uint64_t(std::string(what).c_str(), std::string(text).c_str(), &value) != 0) {
    throw Reported();
  }
  return value;
}
inline uint8_t parse_uint8(std::string_view what, std::string_view text) {
  uint8_t value = 0;
  if (nbdkit_parse_uint8_t(std::string(what).c_str(), std::string(text).c_str(), &value) != 0) {
    throw Reported();
  }
  return value;
}
inline double parse_probability(std::string_view what, std::string_view text) {
  double value = 0;
  if (nbdkit_parse_probability(std::string(what).c_str(), std::string(text).c_str(), &value) != 0) {
    throw Reported();
  }
  return value;
}
inline std::chrono::nanoseconds parse_delay(std::string_view what, std::string_view text) {
  unsigned sec = 0, nsec = 0;
  if (nbdkit_parse_delay(std::string(what).c_str(), std::string(text).c_str(), &sec, &nsec) != 0) {
    throw Reported();
  }
  return std::chrono::seconds(sec) + std::chrono::nanoseconds(nsec);
}
// As the user meant it, also after the server has changed to "/".
inline std::string absolute_path(std::string_view path) {
  char* absolute = nbdkit_absolute_path(std::string(path).c_str());
  if (absolute == nullptr) throw Reported();
  std::string out = absolute;
  ::free(absolute);
  return out;
}

// See nbdkit_request_arrival.
inline uint64_t request_arrival(Op kind) {
  return nbdkit_request_arrival(static_cast<unsigned>(kind));
}
// See nbdkit_connection_arrival, _number and _age.
inline uint64_t connection_arrival(Op kind) {
  return nbdkit_connection_arrival(static_cast<unsigned>(kind));
}
inline uint64_t connection_number() { return nbdkit_connection_number(); }
inline std::chrono::nanoseconds connection_age() {
  return std::chrono::nanoseconds(nbdkit_connection_age());
}

// The one object of type T that all modules of the server share under this name;
// see nbdkit_shared_object. T and what it calls must be the same code in all of
// them, so the name tells their version as well.
template <class T>
T& shared_object(const char* name) {
  void* object = nbdkit_shared_object(name, []() -> void* { return new (std::nothrow) T; });
  if (object == nullptr) throw std::bad_alloc();
  return *static_cast<T*>(object);
}

// ESHUTDOWN, early, if the server ends or the client of this request goes away;
// see nbdkit_nanosleep.
inline Status sleep(std::chrono::nanoseconds duration) {
  if (duration <= std::chrono::nanoseconds::zero()) return kOk;
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(duration);
  const auto rest = duration - seconds;
  const int result =
      nbdkit_nanosleep(static_cast<unsigned>(seconds.count()), static_cast<unsigned>(rest.count()));
  return result == 0 ? kOk : Status(errno);
}

// While it lives this request does not count among those that --threads allows,
// since it only waits; see nbdkit_step_aside.
class Aside {
 public:
  Aside() : is_aside_(nbdkit_step_aside() == 1) {}
  ~Aside() {
    if (is_aside_) nbdkit_step_back();
  }
  Aside(const Aside&) = delete;
  Aside& operator=(const Aside&) = delete;

 private:
  const bool is_aside_;
};

namespace detail {

// A text that a module may leave out: text_or<&T::longname>... needs the name
// spelled out, hence these small macros, undefined below.
#define NBD_OPTIONAL_TEXT(member)            \
  template <class T>                         \
  constexpr const char* text_##member() {    \
    if constexpr (requires { T::member; }) { \
      return T::member;                      \
    } else {                                 \
      return nullptr;                        \
    }                                        \
  }
NBD_OPTIONAL_TEXT(longname)
NBD_OPTIONAL_TEXT(description)
NBD_OPTIONAL_TEXT(help)
NBD_OPTIONAL_TEXT(magic_key)
#undef NBD_OPTIONAL_TEXT

// A module that does not name its version may be built with one for all.
template <class T>
constexpr const char* text_version() {
  if constexpr (requires { T::version; }) {
    return T::version;
  } else {
#ifdef NBD_MODULE_VERSION
    return NBD_MODULE_VERSION;
#else
    return nullptr;
#endif
  }
}

// Tells the user about the exception that is being handled; its errno.
inline int report_current_exception() noexcept {
  try {
    throw;
  } catch (const Reported&) {
    return EIO;
  } catch (const Error& e) {
    nbdkit_error("%s", e.what());
    return e.errnum() != 0 ? e.errnum() : EIO;
  } catch (const std::bad_alloc&) {
    nbdkit_error("out of memory");
    return ENOMEM;
  } catch (const std::exception& e) {
    nbdkit_error("%s", e.what());
    return EIO;
  } catch (...) {
    nbdkit_error("unknown exception");
    return EIO;
  }
}

}  // namespace detail
}  // namespace nbd

// NBDKIT_DEBUG_FLAG(mine_debug_cache); defines an int that `-D mine.cache=N` sets
// before the module is made. For the author's own messages, not for settings.
#define NBDKIT_DEBUG_FLAG(variable)       \
  extern "C" NBDKIT_PUBLIC_ int variable; \
  int variable = 0
