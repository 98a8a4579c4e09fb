// SPDX-License-Identifier: BSD-3-Clause
#include "connect.hpp"

#include <sys/socket.h>

#include <algorithm>
#include <bit>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/parse.hpp"
#include "limits.hpp"

namespace nbdfuse {

namespace {

// "nbd_connect_uri: connect: refused" -> "connect: refused"
std::string_view without_function(std::string_view text) {
  const auto colon = text.find(": ");
  const bool named = text.starts_with("nbd_") && colon != std::string_view::npos;
  return named ? text.substr(colon + 2) : text;
}

Handle make_handle(Replies replies = Replies::structured) {
  Handle handle(nbd_create());
  if (!handle) nbd::fail("cannot create an NBD handle: {}", last_nbd_error());
  nbd_handle* const h = handle.get();
  // The URI is the user's own, so it may name TLS files. A read that fails is
  // never shown, so its buffer need not be cleared before each.
  if (nbd_set_debug(h, nbd::log::verbose()) == -1 || nbd_set_uri_allow_local_file(h, true) == -1 ||
      nbd_set_pread_initialize(h, false) == -1 ||
      nbd_set_request_structured_replies(h, replies == Replies::structured) == -1 ||
      nbd_add_meta_context(h, kAllocationContext) == -1) {
    nbd::fail("cannot set up an NBD handle: {}", last_nbd_error());
  }
#ifdef LIBNBD_HAVE_NBD_SET_REQUEST_EXTENDED_HEADERS
  // plain-channel.hpp does not know them, and no request here is that long.
  if (nbd_set_request_extended_headers(h, false) == -1) {
    nbd::fail("cannot set up an NBD handle: {}", last_nbd_error());
  }
#endif
  return handle;
}

int connect_to(nbd_handle* h, const Target& target) {
  const auto& words = target.words;
  const char* const first = words[0].c_str();
  std::vector<char*> argv;
  for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  switch (target.mode) {
    case Mode::uri: return nbd_connect_uri(h, first);
    case Mode::command: return nbd_connect_command(h, argv.data());
    case Mode::socket_activation: return nbd_connect_systemd_socket_activation(h, argv.data());
    case Mode::fd:
      return nbd_connect_socket(h, static_cast<int>(nbd::parse_int("--fd", first, 0, INT32_MAX)));
    case Mode::tcp: return nbd_connect_tcp(h, first, words[1].c_str());
    case Mode::unix_socket: return nbd_connect_unix(h, first);
    case Mode::vsock:
      return nbd_connect_vsock(
          h, static_cast<uint32_t>(nbd::parse_unsigned("--vsock: CID", first, UINT32_MAX)),
          static_cast<uint32_t>(nbd::parse_unsigned("--vsock: port", words[1], UINT32_MAX)));
  }
  return -1;
}

// Of those with an address: on its way when this returns.
int start_connecting(nbd_handle* h, const Target& target) {
  const auto& words = target.words;
  const char* const first = words[0].c_str();
  switch (target.mode) {
    case Mode::uri: return nbd_aio_connect_uri(h, first);
    case Mode::tcp: return nbd_aio_connect_tcp(h, first, words[1].c_str());
    case Mode::unix_socket: return nbd_aio_connect_unix(h, first);
    case Mode::vsock:
      return nbd_aio_connect_vsock(h, static_cast<uint32_t>(std::stoul(words[0])),
                                   static_cast<uint32_t>(std::stoul(words[1])));
    default: return -1;
  }
}

[[noreturn]] void fail_to_connect(const Target& target) {
  nbd::fail("cannot connect to {}: {}", describe(target), last_nbd_error());
}

// A handle that has connected in option mode; a server without options is ready.
bool in_options(nbd_handle* h) { return nbd_aio_is_negotiating(h) > 0; }

uint64_t block_size(nbd_handle* h, int kind, uint64_t fallback) {
  const int64_t size = nbd_get_block_size(h, kind);
  return size > 0 ? static_cast<uint64_t>(size) : fallback;
}

int remember_name(void* user_data, const char* name, const char*) noexcept {
  try {
    static_cast<std::vector<std::string>*>(user_data)->emplace_back(name);
    return 0;
  } catch (...) {
    return -1;
  }
}

}  // namespace

std::string last_nbd_error() {
  const char* const text = nbd_get_error();
  return std::string(without_function(text != nullptr ? text : "unknown error"));
}

std::string describe(const Target& target) {
  switch (target.mode) {
    case Mode::fd: return "file descriptor " + target.words[0];
    case Mode::tcp: return target.words[0] + " port " + target.words[1];
    case Mode::vsock: return "vsock " + target.words[0] + ":" + target.words[1];
    default: return target.words[0];
  }
}

bool has_address(Mode mode) {
  return mode == Mode::uri || mode == Mode::tcp || mode == Mode::unix_socket || mode == Mode::vsock;
}

bool is_local(nbd_handle* handle) {
  sockaddr_storage address{};
  socklen_t length = sizeof address;
  const int fd = nbd_aio_get_fd(handle);
  return ::getpeername(fd, reinterpret_cast<sockaddr*>(&address), &length) == 0 &&
         address.ss_family == AF_UNIX && nbd_get_tls_negotiated(handle) <= 0;
}

Handle connect(const Target& target, const std::optional<std::string>& export_name,
               Replies replies) {
  Handle handle = make_handle(replies);
  nbd_handle* const h = handle.get();
  if (export_name) (void)nbd_set_opt_mode(h, true);
  if (connect_to(h, target) == -1) fail_to_connect(target);
  if (export_name && in_options(h)) {
    if (nbd_set_export_name(h, export_name->c_str()) == -1 || nbd_opt_go(h) == -1) {
      fail_to_connect(target);
    }
  }
  return handle;
}

Handle connect_until(const Target& target, const std::optional<std::string>& export_name,
                     Replies replies, std::chrono::steady_clock::time_point deadline,
                     const std::stop_token& stopping) {
  Handle handle = make_handle(replies);
  nbd_handle* const h = handle.get();
  // In slices, so that we hear when we are to stop.
  constexpr int kSliceMs = 100;
  const auto wait = [&] {
    while (nbd_aio_is_connecting(h) > 0) {
      if (stopping.stop_requested() || std::chrono::steady_clock::now() > deadline) {
        nbd::fail("cannot connect to {}: it takes too long", describe(target));
      }
      if (nbd_poll(h, kSliceMs) == -1) fail_to_connect(target);
    }
  };
  if (export_name) (void)nbd_set_opt_mode(h, true);
  if (start_connecting(h, target) == -1) fail_to_connect(target);
  wait();
  if (export_name && in_options(h)) {
    if (nbd_set_export_name(h, export_name->c_str()) == -1 || nbd_aio_opt_go(h, {}) == -1) {
      fail_to_connect(target);
    }
    wait();
  }
  if (nbd_aio_is_ready(h) <= 0) fail_to_connect(target);
  return handle;
}

Export describe_export(nbd_handle* h, bool read_only) {
  Export e;
  const int64_t size = nbd_get_size(h);
  if (size < 0) nbd::fail("the server does not tell the size of the export: {}", last_nbd_error());
  e.size = static_cast<uint64_t>(size);
  e.read_only = read_only || nbd_is_read_only(h) > 0;
  e.can_flush = nbd_can_flush(h) > 0;
  e.can_zero = nbd_can_zero(h) > 0;
  e.can_trim = nbd_can_trim(h) > 0;
  e.can_block_status = nbd_can_meta_context(h, kAllocationContext) > 0;
  e.minimum_block = block_size(h, LIBNBD_SIZE_MINIMUM, 1);
  if (!std::has_single_bit(e.minimum_block) || e.minimum_block > kMaxMinimumBlock) {
    nbd::fail(
        "the server's minimum block size is {} bytes; it must be a power of two of at most {}",
        e.minimum_block, kMaxMinimumBlock);
  }
  e.preferred_block = std::max(e.minimum_block, block_size(h, LIBNBD_SIZE_PREFERRED, 4096));
  const uint64_t maximum = block_size(h, LIBNBD_SIZE_MAXIMUM, kMaxPayload);
  e.maximum_block =
      std::max(e.minimum_block, std::min<uint64_t>(maximum, kMaxPayload) & ~(e.minimum_block - 1));
  return e;
}

std::vector<Listed> list_exports(const Target& target, bool read_only) {
  Handle handle = make_handle();
  nbd_handle* const h = handle.get();
  (void)nbd_set_opt_mode(h, true);
  if (connect_to(h, target) == -1) fail_to_connect(target);
  if (!in_options(h)) nbd::fail("{}: a server of the old style has no list", describe(target));
  std::vector<std::string> names;
  if (nbd_opt_list(h, {.callback = remember_name, .user_data = &names}) == -1) {
    nbd::fail("{} does not list its exports: {}", describe(target), last_nbd_error());
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  std::vector<Listed> result;
  for (auto& name : names) {
    if (nbd_set_export_name(h, name.c_str()) == -1 || nbd_opt_info(h) == -1) {
      nbd::log::error("export \"{}\" is left out: {}", name, last_nbd_error());
      continue;
    }
    result.push_back({std::move(name), describe_export(h, read_only)});
  }
  (void)nbd_opt_abort(h);
  return result;
}

}  // namespace nbdfuse
