// SPDX-License-Identifier: BSD-3-Clause
#include "server/connections.hpp"

#include <new>

#include "base/log.hpp"
#include "base/thread.hpp"
#include "layers/context.hpp"

namespace nbdkit {

void Connections::start(std::unique_ptr<Stream> client) try {
  const std::lock_guard lock(mutex_);
  streams_.push_front(std::move(client));
  const auto self = streams_.begin();
  const uint64_t number = ++started_;
  if (!nbd::start_thread(nbd::kStackSize, [this, self, number] { serve(self, number); })) {
    nbd::log::error("no more threads: a connection was dropped");
    streams_.erase(self);
  }
} catch (const std::bad_alloc&) {
  nbd::log::error("out of memory: a connection was dropped");
}

void Connections::serve_last(std::unique_ptr<Stream> client) {
  std::unique_lock lock(mutex_);
  streams_.push_front(std::move(client));
  const auto self = streams_.begin();
  const uint64_t number = ++started_;
  lock.unlock();
  serve(self, number);
  server().request_quit();
}

void Connections::serve(Place self, uint64_t number) noexcept {
  serve_client(shared_, **self, number);
  const std::lock_guard lock(mutex_);
  streams_.erase(self);
  if (streams_.empty()) none_left_.notify_all();  // under the lock: after it we may be gone
}

bool Connections::finish(std::chrono::milliseconds grace) {
  std::unique_lock lock(mutex_);
  const auto gone = [&] { return streams_.empty(); };
  // The end of its input is what a connection ends on by itself.
  for (const auto& stream : streams_) stream->end_input();
  if (none_left_.wait_for(lock, grace, gone)) return true;
  for (const auto& stream : streams_) stream->abort();
  return none_left_.wait_for(lock, grace, gone);
}

}  // namespace nbdkit
