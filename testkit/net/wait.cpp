// SPDX-License-Identifier: BSD-3-Clause
#include "net/wait.hpp"

#include <sys/eventfd.h>

#include <cstdint>
#include <limits>
#include <vector>

#include "base/error.hpp"

namespace testkit {

int Deadline::left_ms() const {
  if (at == Clock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(at - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, std::numeric_limits<int>::max()));
}

Interrupt::Interrupt()
    : event_(nbd::sys([] { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }, "eventfd")) {}

void Interrupt::request(int signal) noexcept {
  int none = 0;
  if (!signal_.compare_exchange_strong(none, signal)) return;  // the first one counts
  const uint64_t one = 1;
  // Never read back, so it stays readable for every thread.
  [[maybe_unused]] const auto n = ::write(event_.get(), &one, sizeof one);
}

Wake wait_any(std::span<pollfd> fds, const Deadline& deadline, const Interrupt& interrupt) {
  std::vector<pollfd> all(fds.begin(), fds.end());
  all.push_back({interrupt.fd(), POLLIN, 0});
  for (;;) {
    const int ready = ::poll(all.data(), all.size(), deadline.left_ms());
    if (ready < 0) {
      if (errno == EINTR) continue;
      nbd::fail_errno(errno, "poll");
    }
    if (all.back().revents != 0) return Wake::interrupted;
    for (size_t i = 0; i < fds.size(); ++i) fds[i].revents = all[i].revents;
    if (ready > 0) return Wake::ready;
    if (deadline.passed()) return Wake::timeout;
  }
}

}  // namespace testkit
