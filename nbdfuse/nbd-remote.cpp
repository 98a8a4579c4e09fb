// SPDX-License-Identifier: BSD-3-Clause
#include "nbd-remote.hpp"

#include <algorithm>
#include <bit>

#include "base/error.hpp"
#include "base/log.hpp"
#include "base/parse.hpp"
#include "limits.hpp"

namespace nbdfuse {

namespace {

Handle make_handle() {
  Handle handle(nbd_create());
  if (!handle) nbd::fail("cannot create an NBD handle: {}", last_nbd_error());
  nbd_handle* const h = handle.get();
  // The URI is the user's own, so it may name TLS files. A read that fails is
  // never shown, so its buffer need not be cleared before each.
  if (nbd_set_debug(h, nbd::log::verbose()) == -1 || nbd_set_uri_allow_local_file(h, true) == -1 ||
      nbd_set_pread_initialize(h, false) == -1 ||
      nbd_add_meta_context(h, kAllocationContext) == -1) {
    nbd::fail("cannot set up an NBD handle: {}", last_nbd_error());
  }
  return handle;
}

std::string describe(const Target& target) {
  switch (target.mode) {
    case Mode::fd: return "file descriptor " + target.words[0];
    case Mode::tcp: return target.words[0] + " port " + target.words[1];
    case Mode::vsock: return "vsock " + target.words[0] + ":" + target.words[1];
    default: return target.words[0];
  }
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

Handle connect(const Target& target) {
  Handle handle = make_handle();
  if (connect_to(handle.get(), target) == -1) {
    nbd::fail("cannot connect to {}: {}", describe(target), last_nbd_error());
  }
  return handle;
}

// A subprocess or a socket that was handed to us is there once.
bool can_connect_again(Mode mode) {
  return mode == Mode::uri || mode == Mode::tcp || mode == Mode::unix_socket || mode == Mode::vsock;
}

uint64_t block_size(nbd_handle* h, int kind, uint64_t fallback) {
  const int64_t size = nbd_get_block_size(h, kind);
  return size > 0 ? static_cast<uint64_t>(size) : fallback;
}

}  // namespace

Export describe_export(nbd_handle* h, bool read_only) {
  Export e;
  const int64_t size = nbd_get_size(h);
  if (size < 0) nbd::fail("the server does not tell the size of the export: {}", last_nbd_error());
  e.size = static_cast<uint64_t>(size);
  e.read_only = read_only || nbd_is_read_only(h) > 0;
  e.can_flush = nbd_can_flush(h) > 0;
  e.can_zero = nbd_can_zero(h) > 0;
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

NbdRemote::NbdRemote(const Target& target, unsigned connections, bool read_only) {
  Handle first = connect(target);
  export_ = describe_export(first.get(), read_only);
  const bool several = nbd_can_multi_conn(first.get()) > 0 && can_connect_again(target.mode);
  connections_.push_back(std::make_unique<Connection>(std::move(first)));
  while (several && connections_.size() < connections) {
    Handle next;
    try {
      next = connect(target);
    } catch (const nbd::Error& error) {
      // Fewer than hoped for, as with a server that limits its clients, still work.
      nbd::log::error("going on with {} of {} connections: {}", connections_.size(), connections,
                      error.what());
      break;
    }
    if (static_cast<uint64_t>(nbd_get_size(next.get())) != export_.size) {
      nbd::fail("the server tells different sizes: {} bytes, then {}", export_.size,
                nbd_get_size(next.get()));
    }
    connections_.push_back(std::make_unique<Connection>(std::move(next)));
  }
  nbd::log::debug("{} connections, size {}, block sizes {} {} {}", connections_.size(),
                  export_.size, export_.minimum_block, export_.preferred_block,
                  export_.maximum_block);
}

void NbdRemote::start() {
  for (auto& connection : connections_) connection->start();
}

// To the connection with the least to do; a lost one only if all are.
void NbdRemote::submit(Request& request) noexcept {
  Connection* best = connections_.front().get();
  for (const auto& candidate : connections_) {
    if (candidate->lost()) continue;
    if (best->lost() || candidate->load() < best->load()) best = candidate.get();
  }
  best->submit(request);
}

}  // namespace nbdfuse
