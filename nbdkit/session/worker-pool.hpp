// SPDX-License-Identifier: BSD-3-Clause
//
// Threads for what may wait: shared by all connections, made when none is idle,
// gone after a while without work.
//
// To wake a thread costs more than a small request. So submit() wakes one for as
// many tasks as it is given, and each that arrives wakes the next if there is
// more to do than itself: of tasks that do not wait after all the first does
// many, while for tasks that wait as many threads come as there are tasks, each
// a few microseconds after the one before.
//
// Threads: submit() from any. The destructor waits for what was submitted; by
// then nobody may submit any more.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <span>

namespace nbdkit {

class WorkerPool {
 public:
  using Task = std::function<void()>;  // must not throw; two pointers cost no memory

  WorkerPool() = default;
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;
  ~WorkerPool();

  // Runs the tasks soon in other threads. If the system has no more threads, they
  // wait for ours; if there is none at all, they run here.
  void submit(std::span<const Task> tasks) noexcept;
  // Runs it in another thread; false if there is none for it.
  bool submit_elsewhere(const Task& task) noexcept;

 private:
  enum class Call { nobody, idle_worker, new_worker };
  Call whom_to_call() noexcept;
  bool call(Call whom) noexcept;
  bool make_worker() noexcept;
  void do_it_all() noexcept;
  void work();

  std::mutex mutex_;
  std::condition_variable wake_;      // workers: a task, or the end
  std::condition_variable all_gone_;  // the destructor
  std::deque<Task> tasks_;
  size_t workers_ = 0;
  size_t idle_ = 0;
  bool coming_ = false;  // one was called, and has not arrived
  bool stopping_ = false;
};

}  // namespace nbdkit
