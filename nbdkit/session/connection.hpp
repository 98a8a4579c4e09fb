// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <memory>
#include <mutex>

#include <nbdkit/disk.hpp>

#include "layers/stack.hpp"
#include "net/stream.hpp"
#include "session/budget.hpp"
#include "session/buffers.hpp"
#include "session/handshake.hpp"
#include "session/watchdog.hpp"
#include "session/worker-pool.hpp"

namespace nbdkit {

struct SessionOptions {
  HandshakeOptions handshake;
  unsigned threads = 16;  // requests of one connection at the same time
};

// What all connections share.
struct Shared {
  Stack& stack;
  WorkerPool& pool;
  const SessionOptions options;
  PipePool pipes;
  Buffers buffers;
  std::mutex one_client;    // ThreadModel::serialize_connections
  std::mutex all_requests;  // ThreadModel::serialize_all_requests
  Arrivals arrivals;
  Budget budget = {};
  Watchdog watchdog{pool};
};

// Serves one client from its greeting to its end, in the calling thread. What
// goes wrong is logged and ends this connection only.
// number: counts connections from 1, for the log.
void serve_client(Shared& shared, Stream& stream, uint64_t number) noexcept;

}  // namespace nbdkit
