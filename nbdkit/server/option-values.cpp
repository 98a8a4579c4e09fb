// SPDX-License-Identifier: BSD-3-Clause
#include "server/option-values.hpp"

#include <algorithm>
#include <cctype>
#include <limits>

#include "base/error.hpp"
#include "base/parse.hpp"
#include "base/process.hpp"

namespace nbdkit {

std::string not_empty(const char* option, const char* what, const std::string& value) {
  if (value.empty()) nbd::fail("{}: expected {}, got \"\"", option, what);
  return value;
}

std::string absolute_path(const std::string& path) {
  if (path.empty() || path[0] == '/') return path;
  return nbd::current_directory() + "/" + path;
}

void set_log(Options& o, const std::string& value) {
  o.log_file.clear();
  if (value == "default") {
    o.log = LogTo::by_default;
  } else if (value == "stderr") {
    o.log = LogTo::stderr_fd;
  } else if (value == "syslog") {
    o.log = LogTo::syslog;
  } else if (value == "null") {
    o.log = LogTo::null;
  } else if (value.starts_with('/')) {
    o.log = LogTo::file;
    o.log_file = value;
  } else {
    nbd::fail("--log: expected stderr, syslog, null, default or an absolute path, got \"{}\"",
              value);
  }
}

// It stands in every message, so it must not be taken for a part of one.
std::string instance_name(const std::string& value) {
  const bool fits = std::all_of(value.begin(), value.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return u >= 0x20 && u != 0x7f && c != '[' && c != ']' && c != ':';
  });
  if (value.empty() || !fits) {
    nbd::fail("--name: expected a name without brackets, colons and control characters, got {}",
              nbd::shell_quote(value));
  }
  return value;
}

std::string port_or_service(const std::string& value) {
  // A number is checked against its range by whoever knows whether it is of TCP or
  // of vsock; a name is looked up when the socket is made.
  if (!value.empty() && std::isdigit(static_cast<unsigned char>(value[0])) != 0) {
    return std::to_string(
        nbd::parse_unsigned("--port", value, std::numeric_limits<uint32_t>::max()));
  }
  return not_empty("--port", "a port number or a service name", value);
}

std::string socket_path(const std::string& value) {
  return not_empty("--unix", "a path or \"-\"", value) == "-" ? value : absolute_path(value);
}

std::string export_name(const std::string& value) {
  constexpr size_t kLongest = 4096;  // of the protocol
  if (value.size() > kLongest) {
    nbd::fail("--export-name: a name may have {} bytes, this has {}", kLongest, value.size());
  }
  return value;
}

unsigned threads(const std::string& value) {
  constexpr unsigned kMost = 1024;  // a thread costs memory, and no client has so many in flight
  return static_cast<unsigned>(nbd::parse_int("--threads", value, 1, kMost));
}

std::chrono::nanoseconds handshake_time(const std::string& value) {
  const auto time = nbd::parse_delay("--timeout", value);
  if (time.count() == 0) nbd::fail("--timeout: expected a time above 0, got \"{}\"", value);
  return time;
}

TlsMode tls_mode(const std::string& value) {
  if (value == "require" || value == "required" || value == "force") return TlsMode::require;
  try {
    return nbd::parse_bool("--tls", value) ? TlsMode::on : TlsMode::off;
  } catch (const nbd::Error&) {
    nbd::fail("--tls: expected off, on or require, got \"{}\"", value);
  }
}

std::string tls_path(const char* option, const std::string& value) {
  return absolute_path(not_empty(option, "a path", value));
}

// Scripts give ~0 in all spellings, -1 among them: bits that do not exist yet
// are no error.
uint64_t handshake_mask(const std::string& value) {
  if (value.starts_with('-')) {
    return static_cast<uint64_t>(
        nbd::parse_int("--mask-handshake", value, std::numeric_limits<int64_t>::min(), 0));
  }
  return nbd::parse_unsigned("--mask-handshake", value, std::numeric_limits<uint64_t>::max());
}

}  // namespace nbdkit
