// SPDX-License-Identifier: BSD-3-Clause
#include "loop.hpp"

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <utility>

#include "base/error.hpp"
#include "limits.hpp"

namespace nbdfuse {

namespace {

thread_local Loop* t_current = nullptr;

}  // namespace

Loop::Loop() {
  epoll_.reset(nbd::sys([] { return ::epoll_create1(EPOLL_CLOEXEC); }, "epoll_create1"));
  wake_.reset(nbd::sys([] { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }, "eventfd"));
  epoll_event event{.events = EPOLLIN, .data = {.u64 = UINT64_MAX}};
  nbd::sys([&] { return ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event); },
           "epoll_ctl");
}

Loop* Loop::current() noexcept { return t_current; }

void Loop::add(Client& client) {
  {
    const std::lock_guard lock(mutex_);
    added_.push_back(&client);
  }
  wake();
}

void Loop::start() {
  thread_ = std::jthread([this](const std::stop_token& stopping) { run(stopping); });
}

void Loop::stop() noexcept {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  wake();
  thread_.join();
}

// Whoever leaves work for a client does so before it calls this; the loop says
// that it is asleep before it looks for work. So one of the two sees the other.
void Loop::wake() noexcept {
  if (t_current == this) {
    work_again_ = true;
  } else if (asleep_.exchange(false)) {
    // Fails only if 2^64-2 wake-ups were missed, and then it is readable anyway.
    (void)::eventfd_write(wake_.get(), 1);
  }
}

void Loop::run(const std::stop_token& stopping) noexcept {
  t_current = this;
  for (;;) {
    asleep_.store(true);
    if (stopping.stop_requested()) return;
    work_again_ = false;
    take_added();
    for (size_t i = 0; i < slots_.size(); ++i) watch(i, slots_[i].client->work());
    wait();
  }
}

void Loop::take_added() {
  const std::lock_guard lock(mutex_);
  for (Client* client : added_) slots_.push_back({client, {}});
  added_.clear();
}

// A descriptor that was closed has left the epoll set by itself, and its number may be
// somebody else's by now, so it is not removed.
void Loop::watch(size_t index, const Client::Wish& wish) noexcept {
  Client::Wish& watched = slots_[index].watched;
  if (wish == watched) return;
  const bool same = wish.fd == watched.fd;
  watched = wish;
  if (wish.fd == -1) return;
  if (wish.events == 0) {
    if (same) (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, wish.fd, nullptr);
    return;
  }
  epoll_event event{.events = wish.events, .data = {.u64 = index}};
  if (!same || ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, wish.fd, &event) == -1) {
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wish.fd, &event) == -1) {
      (void)::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, wish.fd, &event);
    }
  }
}

void Loop::wait() noexcept {
  epoll_event events[16];
  const int count = ::epoll_wait(epoll_.get(), events, std::size(events), work_again_ ? 0 : -1);
  asleep_.store(false);
  for (int i = 0; i < count; ++i) {
    if (events[i].data.u64 == UINT64_MAX) {
      eventfd_t ignored;
      (void)::eventfd_read(wake_.get(), &ignored);
      continue;
    }
    slots_[events[i].data.u64].client->ready(events[i].events);
  }
}

}  // namespace nbdfuse
