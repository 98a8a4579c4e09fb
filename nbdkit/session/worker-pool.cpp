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

void WorkerPool::submit(std::span<const Task> tasks) noexcept {
  size_t taken = 0;
  std::unique_lock lock(mutex_);
  try {
    for (; taken < tasks.size(); ++taken) tasks_.push_back(tasks[taken]);
  } catch (const std::exception&) {  // no memory: the rest is done here, below
  }
  const Call whom = whom_to_call();
  lock.unlock();
  if (!call(whom)) do_it_all();
  for (; taken < tasks.size(); ++taken) tasks[taken]();
}

// A task cannot be taken back, so first there is a worker.
bool WorkerPool::submit_elsewhere(const Task& task) noexcept {
  std::unique_lock lock(mutex_);
  if (idle_ == 0 && !coming_) {
    coming_ = true;
    lock.unlock();
    if (!make_worker()) return false;
    lock.lock();
  }
  try {
    tasks_.push_back(task);
  } catch (const std::exception&) {
    return false;
  }
  const Call whom = whom_to_call();
  lock.unlock();
  call(whom);
  return true;
}

// For want of any thread but this.
void WorkerPool::do_it_all() noexcept {
  std::unique_lock lock(mutex_);
  while (workers_ == 0 && !tasks_.empty()) {
    const Task task = tasks_.front();
    tasks_.pop_front();
    lock.unlock();
    task();
    lock.lock();
  }
}

// With the lock held, for call() without it: who is woken need not wait for it.
WorkerPool::Call WorkerPool::whom_to_call() noexcept {
  if (coming_ || tasks_.empty()) return Call::nobody;
  coming_ = true;
  return idle_ > 0 ? Call::idle_worker : Call::new_worker;
}

bool WorkerPool::call(Call whom) noexcept {
  if (whom == Call::idle_worker) wake_.notify_one();
  return whom != Call::new_worker || make_worker();
}

// Who calls it has set coming_.
bool WorkerPool::make_worker() noexcept {
  {
    const std::lock_guard lock(mutex_);
    ++workers_;
  }
  if (nbd::start_thread(nbd::kStackSize, [this] { work(); })) return true;
  const std::lock_guard lock(mutex_);
  --workers_;
  coming_ = false;
  return false;
}

void WorkerPool::work() {
  std::unique_lock lock(mutex_);
  coming_ = false;
  for (;;) {
    if (tasks_.empty()) {
      if (stopping_) break;
      ++idle_;
      const auto why = wake_.wait_for(lock, kIdleLife);
      --idle_;
      coming_ = false;  // also if somebody else has done the task in the meantime
      if (why == std::cv_status::timeout && tasks_.empty()) break;
      continue;
    }
    const Task task = tasks_.front();
    tasks_.pop_front();
    const Call whom = whom_to_call();
    lock.unlock();
    call(whom);
    task();
    lock.lock();
  }
  // Notified under the lock: after it the pool may be gone.
  if (--workers_ == 0) all_gone_.notify_all();
}

}  // namespace nbdkit
