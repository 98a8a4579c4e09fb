// SPDX-License-Identifier: BSD-3-Clause
#include "session/worker-pool.hpp"

#include <chrono>
#include <utility>

#include "base/thread.hpp"

namespace nbdkit {

namespace {
// Long enough to outlive the gaps in a client's work, short enough that a burst
// does not keep its threads for ever.
constexpr std::chrono::seconds kIdleLife{10};
}  // namespace

WorkerPool::~WorkerPool() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  wake_.notify_all();
  all_gone_.wait(lock, [&] { return workers_ == 0; });
}

void WorkerPool::submit(Task task) {
  {
    const std::lock_guard lock(mutex_);
    const bool enough = idle_ > tasks_.size();
    if (enough || start_worker() || workers_ > 0) {
      tasks_.push_back(std::move(task));
      wake_.notify_one();
      return;
    }
  }
  task();
}

// With the lock held.
bool WorkerPool::start_worker() noexcept {
  if (!nbd::start_thread(nbd::kStackSize, [this] { work(); })) return false;
  ++workers_;
  return true;
}

void WorkerPool::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    const bool woken =
        wake_.wait_for(lock, kIdleLife, [&] { return !tasks_.empty() || stopping_; });
    --idle_;
    if (tasks_.empty() && (stopping_ || !woken)) break;
    if (tasks_.empty()) continue;
    {
      const Task task = std::exchange(tasks_.front(), {});
      tasks_.pop_front();
      lock.unlock();
      task();
    }
    lock.lock();
  }
  // Notified under the lock: after it the pool may be gone.
  if (--workers_ == 0) all_gone_.notify_all();
}

}  // namespace nbdkit
