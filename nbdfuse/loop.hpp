// SPDX-License-Identifier: BSD-3-Clause
//
// A thread that waits for file descriptors and calls who owns them. While the
// load is light, one such thread reads a request from the kernel, sends it to the
// server, receives the answer and hands it over: it wakes the server and who
// asked, and nobody between them.
//
// Threads: clients are called in the loop's thread alone. wake() may be called in
// any, add() too.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "base/fd.hpp"

namespace nbdfuse {

class Loop {
 public:
  class Client {
   public:
    struct Wish {
      int fd = -1;          // -1: none at present, and an earlier one is closed
      uint32_t events = 0;  // EPOLLIN, EPOLLOUT; 0: nothing, though it is open
      bool operator==(const Wish&) const = default;
    };
    // Does what can be done without waiting, and says what it waits for.
    virtual Wish work() noexcept = 0;
    virtual void ready(uint32_t events) noexcept = 0;

   protected:
    ~Client() = default;
  };

  Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop() { stop(); }

  // The client stays as long as the loop runs.
  void add(Client& client);
  void start();
  void stop() noexcept;  // and waits until it has

  // work() of every client is called once more. Costs a system call only if the
  // loop sleeps.
  void wake() noexcept;
  // The loop whose thread this is, or null.
  static Loop* current() noexcept;

 private:
  struct Slot {
    Client* client;
    Client::Wish watched;
  };
  void run(const std::stop_token& stopping) noexcept;
  void take_added();
  void watch(size_t index, const Client::Wish& wish) noexcept;
  void wait() noexcept;

  nbd::Fd epoll_;
  nbd::Fd wake_;
  std::vector<Slot> slots_;  // the thread's own
  bool work_again_ = false;  // likewise

  std::mutex mutex_;
  std::vector<Client*> added_;       // under mutex_
  std::atomic<bool> asleep_{false};  // or about to be: wake_ must be written to
  std::jthread thread_;              // last: stops before the rest goes
};

// A few of them; connections are spread over these.
class Loops {
 public:
  explicit Loops(unsigned count) : loops_(count) {}
  Loop& operator[](size_t i) { return loops_[i % loops_.size()]; }
  size_t size() const { return loops_.size(); }

  // The threads run as long as this is there.
  class Running {
   public:
    explicit Running(Loops& loops) : loops_(loops) {
      for (Loop& loop : loops_.loops_) loop.start();
    }
    Running(const Running&) = delete;
    Running& operator=(const Running&) = delete;
    ~Running() {
      for (Loop& loop : loops_.loops_) loop.stop();
    }

   private:
    Loops& loops_;
  };

 private:
  std::vector<Loop> loops_;
};

}  // namespace nbdfuse
