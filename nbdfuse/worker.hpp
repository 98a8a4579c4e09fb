// SPDX-License-Identifier: BSD-3-Clause
//
// A thread for what may take long and is rare. Started when there is something to
// do; what was given to it is done, in order, before it goes.
#pragma once

#include <condition_variable>
#include <coroutine>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace nbdfuse {

class Worker {
 public:
  Worker() = default;
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Any thread. job does not throw.
  void run(std::function<void()> job) {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    if (!thread_.joinable()) {
      thread_ = std::jthread([this](const std::stop_token& stopping) { work(stopping); });
    }
    added_.notify_one();
  }

  // co_await worker.hop(): goes on in its thread.
  auto hop() {
    struct Hop {
      Worker& worker;
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> waiter) const {
        worker.run([waiter] { waiter.resume(); });
      }
      void await_resume() const noexcept {}
    };
    return Hop{*this};
  }

 private:
  void work(const std::stop_token& stopping) {
    std::unique_lock lock(mutex_);
    while (added_.wait(lock, stopping, [this] { return !jobs_.empty(); })) {
      const auto job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable_any added_;
  std::deque<std::function<void()>> jobs_;  // under mutex_
  std::jthread thread_;                     // last: stops before the rest goes
};

}  // namespace nbdfuse
