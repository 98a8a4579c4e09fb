// SPDX-License-Identifier: BSD-3-Clause
//
// Coroutines for requests that are made of several commands: a read-modify-write
// or a walk over extents reads from top to bottom although each step waits for
// the server.
//
// Task<T>   starts when it is awaited, once, and hands its value to who awaits.
// Detached  starts at once and frees itself; nobody waits for it.
// Transfer  awaits one or more commands that are on their way together.
//
// Threads: a coroutine goes on in the thread that completed what it awaited, so
// it may hop from thread to thread, but is in one at a time.
#pragma once

#include <atomic>
#include <cerrno>
#include <coroutine>
#include <exception>
#include <span>
#include <utility>

#include "frames.hpp"
#include "remote.hpp"

namespace nbdfuse {

// T is made from a Status when memory runs out, the one thing that throws here.
template <class T>
class [[nodiscard]] Task {
 public:
  struct promise_type : FrameFromStock {
    std::coroutine_handle<> waiter = std::noop_coroutine();
    T value{};

    struct Final {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(
          std::coroutine_handle<promise_type> self) const noexcept {
        return self.promise().waiter;
      }
      void await_resume() const noexcept {}
    };

    Task get_return_object() noexcept {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    Final final_suspend() const noexcept { return {}; }
    void return_value(T v) noexcept { value = std::move(v); }
    void unhandled_exception() noexcept { value = T(Status(ENOMEM)); }
  };

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> waiter) const noexcept {
    handle_.promise().waiter = waiter;
    return handle_;
  }
  T await_resume() const noexcept { return std::move(handle_.promise().value); }

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) noexcept : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

struct Detached {
  struct promise_type : FrameFromStock {
    Detached get_return_object() const noexcept { return {}; }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    // Its body awaits Tasks and answers: nothing there throws.
    void unhandled_exception() const noexcept { std::terminate(); }
  };
};

// co_await Transfer(remote, requests): the status of the first that failed.
class [[nodiscard]] Transfer final : Completion {
 public:
  Transfer(Remote& remote, std::span<Request> requests) : remote_(remote), requests_(requests) {}

  bool await_ready() const noexcept { return requests_.empty(); }
  // One more than there are requests, so that those which complete while we
  // still submit do not resume a coroutine that is not suspended yet.
  bool await_suspend(std::coroutine_handle<> waiter) noexcept {
    waiter_ = waiter;
    pending_.store(requests_.size() + 1, std::memory_order_relaxed);
    for (Request& request : requests_) {
      request.completion = this;
      remote_.submit(request);
    }
    return pending_.fetch_sub(1, std::memory_order_acq_rel) != 1;
  }
  Status await_resume() const noexcept {
    for (const Request& request : requests_) {
      if (!request.status.ok()) return request.status;
    }
    return nbd::kOk;
  }

 private:
  void completed(Request&) noexcept override {
    if (pending_.fetch_sub(1, std::memory_order_acq_rel) == 1) waiter_.resume();
  }

  Remote& remote_;
  std::span<Request> requests_;
  std::coroutine_handle<> waiter_;
  std::atomic<size_t> pending_{0};
};

}  // namespace nbdfuse
