// SPDX-License-Identifier: BSD-3-Clause
//
// exitlast: the server ends when the last client has gone.
//
// A connection that opened no disk, such as a probe of the port, neither ends
// the server nor keeps it.
//
// Threads: connections begin and end in threads of their own; the counts are one
// word, so that "the last" is exactly one of them.
#include <nbdkit/filter.hpp>

#include <atomic>

namespace {

class ExitLast {
 public:
  static constexpr auto name = "exitlast";
  static constexpr auto longname = "nbdkit exitlast filter";
  static constexpr auto description = "End the server when the last client has gone";

  void preconnect(bool) { connected_.fetch_add(1); }
  void opened(nbd::Next&) { served_.store(true); }
  void disconnected() noexcept {
    if (connected_.fetch_sub(1) != 1 || !served_.load()) return;
    nbdkit_debug("exitlast: the last client has gone");
    nbdkit_shutdown();
  }

 private:
  std::atomic<unsigned> connected_{0};
  std::atomic<bool> served_{false};  // anybody, ever
};

}  // namespace

NBDKIT_FILTER(ExitLast)
