// SPDX-License-Identifier: BSD-3-Clause
//
// Threads for what may wait: shared by all connections, made when none is idle,
// gone after a while without work.
//
// Threads: submit() from any. The destructor waits for what was submitted; by
// then nobody may submit any more.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>

namespace nbdkit {

class WorkerPool {
 public:
  using Task = std::function<void()>;  // must not throw

  WorkerPool() = default;
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool();

  // Runs the task soon in another thread. If the system has no more threads,
  // it waits for one of ours; if there is none at all, it runs here.
  void submit(Task task);

 private:
  bool start_worker() noexcept;
  void work();

  std::mutex mutex_;
  std::condition_variable wake_;      // workers: a task, or the end
  std::condition_variable all_gone_;  // the destructor
  std::deque<Task> tasks_;
  size_t workers_ = 0;
  size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace nbdkit
