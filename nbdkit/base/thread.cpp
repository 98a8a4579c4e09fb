// SPDX-License-Identifier: BSD-3-Clause
#include "base/thread.hpp"

#include <pthread.h>
#include <signal.h>

#include <memory>
#include <new>
#include <utility>

namespace nbd {

namespace {
void* run(void* argument) {
  const std::unique_ptr<std::function<void()>> body(static_cast<std::function<void()>*>(argument));
  (*body)();
  return nullptr;
}

void block_signals(pthread_attr_t* attributes) {
  sigset_t mask;
  ::pthread_sigmask(SIG_BLOCK, nullptr, &mask);
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGALRM}) ::sigaddset(&mask, signal);
  ::pthread_attr_setsigmask_np(attributes, &mask);
}
}  // namespace

bool start_thread(size_t stack_size, std::function<void()> body) noexcept {
  auto owned = std::unique_ptr<std::function<void()>>(new (std::nothrow)
                                                          std::function<void()>(std::move(body)));
  pthread_attr_t attributes;
  if (owned == nullptr || ::pthread_attr_init(&attributes) != 0) return false;
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  ::pthread_attr_setstacksize(&attributes, stack_size);
  block_signals(&attributes);
  pthread_t thread;
  const bool started = ::pthread_create(&thread, &attributes, run, owned.get()) == 0;
  if (started) [[maybe_unused]]
    auto* given_away = owned.release();
  ::pthread_attr_destroy(&attributes);
  return started;
}

}  // namespace nbd
