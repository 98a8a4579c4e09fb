// SPDX-License-Identifier: BSD-3-Clause
#include "faults/stack.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <random>

#include <nbdkit/sdk.hpp>

#include "base/error.hpp"

namespace nbd::filters {

// The number changes with anything that modules share by it.
FaultStack& FaultStack::get() { return shared_object<FaultStack>("filters/faults 1"); }

void FaultStack::set_seed(uint64_t seed) {
  if (seed_) fail("fault-seed={}: there is fault-seed={} already, for all filters", seed, *seed_);
  seed_ = seed;
}

void FaultStack::set_log(std::string path) {
  if (!log_path_.empty()) {
    fail("fault-log={}: there is fault-log={} already, for all filters", path, log_path_);
  }
  log_path_ = std::move(path);
}

void FaultStack::get_ready(bool draws) {
  if (!is_ready_) {
    is_ready_ = true;
    start_ = std::chrono::steady_clock::now();
    // Not more than what every reader of JSON takes for an integer.
    constexpr unsigned kSeedBits = 53;
    const uint64_t random = (uint64_t{std::random_device{}()} << 32) | std::random_device{}();
    if (!seed_) seed_ = random >> (64 - kSeedBits);
    log_debug("fault-seed=" + std::to_string(*seed_));
    if (!log_path_.empty()) {
      constexpr int kFlags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC;
      log_ = Fd(
          sys([&] { return ::open(log_path_.c_str(), kFlags, 0666); }, "fault-log={}", log_path_));
    }
  }
  // For whoever looks at the output of a run that failed: it is no error.
  if (draws && !told_) {
    told_ = true;
    const std::string line = fmt::format("nbdkit: fault-seed={}\n", *seed_);
    [[maybe_unused]] const auto n = ::write(STDERR_FILENO, line.data(), line.size());
  }
}

std::string FaultStack::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void FaultStack::set_state(std::string state) {
  const std::lock_guard lock(mutex_);
  state_ = std::move(state);
}

// One write for a line, so that those of several threads do not mix.
void FaultStack::log(const JsonObject& event) {
  if (!log_) return;
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.6f", std::chrono::duration<double>(time()).count());
  const std::string line = JsonObject().raw("time", seconds).append(event).text() + "\n";
  std::string_view rest = line;
  while (!rest.empty()) {
    const ssize_t n = retry_eintr([&] { return ::write(log_.get(), rest.data(), rest.size()); });
    if (n < 0) return log_error(fmt::format("fault-log={}: {}", log_path_, errno_text(errno)));
    rest.remove_prefix(static_cast<size_t>(n));
  }
}

}  // namespace nbd::filters
