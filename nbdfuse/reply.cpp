// SPDX-License-Identifier: BSD-3-Clause
#include "reply.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <memory>

namespace nbdfuse {

namespace {

// Whether SIGKILL waits for this thread: the kernel turns every signal that ends a
// process into one. A thread that cannot be seen, in another PID namespace or
// gone, is none that waits.
bool is_dying(pid_t thread) {
  struct Close {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  const auto path = fmt::format("/proc/{}/status", thread);
  const std::unique_ptr<std::FILE, Close> file(std::fopen(path.c_str(), "re"));
  if (!file) return false;
  char line[256];
  // procfs has it at hand, so that this may be done under a lock.
  // NOLINTNEXTLINE(clang-analyzer-unix.BlockInCriticalSection)
  while (std::fgets(line, sizeof line, file.get()) != nullptr) {
    unsigned long long set = 0;
    if ((std::strncmp(line, "SigPnd:", 7) == 0 || std::strncmp(line, "ShdPnd:", 7) == 0) &&
        std::sscanf(line + 7, "%llx", &set) == 1 && (set >> (SIGKILL - 1) & 1) != 0) {
      return true;
    }
  }
  return false;
}

}  // namespace

Reply::Reply(Callers& callers, fuse_req_t req, unsigned slot)
    : callers_(callers), req_(req), slot_(slot) {
  callers_.slots_[slot].store(this);
  if (callers_.asleep_.load()) {
    const std::lock_guard lock(callers_.mutex_);
    callers_.asleep_.store(false);
    callers_.arrived_.notify_one();
  }
}

fuse_req_t Reply::claim() noexcept {
  std::atomic<Reply*>& slot = callers_.slots_[slot_];
  Reply* self = this;
  if (slot.compare_exchange_strong(self, nullptr)) return req_;
  // The watcher has it, or had: by the time that we have the lock it has decided.
  const std::lock_guard lock(callers_.mutex_);
  return slot.exchange(nullptr) == this ? req_ : nullptr;
}

// Whether there are any.
bool Callers::look_at_all() noexcept {
  bool any = false;
  for (auto& slot : slots_) {
    Reply* const reply = slot.exchange(nullptr);
    if (reply == nullptr) continue;
    any = true;
    if (++reply->rounds_ > 1 && is_dying(fuse_req_ctx(reply->req_)->pid)) {
      fuse_reply_err(reply->req_, EINTR);
    } else {
      slot.store(reply);
    }
  }
  return any;
}

void Callers::watch(const std::stop_token& stopping) noexcept {
  std::unique_lock lock(mutex_);
  while (!stopping.stop_requested()) {
    // Said before the last look, so that who comes after it sees that we sleep.
    asleep_.store(true);
    if (look_at_all()) asleep_.store(false);
    arrived_.wait(lock, stopping, [this] { return !asleep_.load(); });
    // The lock is open meanwhile.
    arrived_.wait_for(lock, stopping, kPatience, [] { return false; });
  }
}

Callers::Watch::Watch(Callers& callers)
    : thread_([&callers](const std::stop_token& stopping) { callers.watch(stopping); }) {}

}  // namespace nbdfuse
