// SPDX-License-Identifier: BSD-3-Clause
//
// A thread that outlives those that give it work. A server gets its signal of the
// parent's death when the thread ends that has started it, not the process; one
// that a client's thread starts must not end with that client.
//
// Threads: run() in any, one call at a time.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>

namespace testkit {

class LongThread {
 public:
  // Runs it there, and throws what it throws.
  void run(std::function<void()> work) {
    std::unique_lock lock(mutex_);
    if (!thread_.joinable()) thread_ = std::jthread([this](std::stop_token s) { serve(s); });
    work_ = std::move(work);
    changed_.notify_all();
    changed_.wait(lock, [&] { return !work_; });
    if (auto failure = std::exchange(failure_, nullptr)) std::rethrow_exception(failure);
  }

 private:
  void serve(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    while (changed_.wait(lock, stop, [&] { return work_ != nullptr; })) {
      try {
        work_();
      } catch (...) {
        failure_ = std::current_exception();
      }
      work_ = nullptr;
      changed_.notify_all();
    }
  }

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::function<void()> work_;
  std::exception_ptr failure_;
  std::jthread thread_;  // the last member: it uses the others
};

}  // namespace testkit
