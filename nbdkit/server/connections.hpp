// SPDX-License-Identifier: BSD-3-Clause
//
// The connections that are alive: one thread each.
//
// Threads: start() and finish() in the thread that waits for clients, the main
// thread but with -s, which serves its client in the main thread itself. A
// connection's thread takes itself off the list as its last act.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>

#include "session/connection.hpp"

namespace nbdkit {

class Connections {
 public:
  explicit Connections(Shared& shared) : shared_(shared) {}

  // Serves the client in a thread of its own; drops it if there are no more.
  void start(std::unique_ptr<Stream> client);

  // Serves the client in this thread. Its end is that of the server.
  void serve_last(std::unique_ptr<Stream> client);

  // Lets running requests finish and takes no new ones; a client that is still
  // there after `grace` is cut off. false if, after another such time, some
  // thread still has not come back from a plugin.
  [[nodiscard]] bool finish(std::chrono::milliseconds grace);

 private:
  using Place = std::list<std::unique_ptr<Stream>>::iterator;
  void serve(Place self, uint64_t number) noexcept;

  Shared& shared_;
  std::mutex mutex_;
  std::condition_variable none_left_;
  std::list<std::unique_ptr<Stream>> streams_;
  uint64_t started_ = 0;
};

}  // namespace nbdkit
