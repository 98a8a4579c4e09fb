// SPDX-License-Identifier: BSD-3-Clause
#include "server/crash.hpp"

#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <cstddef>

#include "layers/context.hpp"
#include "server/leftovers.hpp"

namespace nbdkit {

namespace {

const char* g_plugin = nullptr;

// Everything here is async-signal-safe: no memory, no locks, no stdio.
class Line {
 public:
  Line& operator<<(const char* text) {
    while (*text != '\0' && size_ < sizeof text_ - 1) text_[size_++] = *text++;
    return *this;
  }
  void write() {
    text_[size_++] = '\n';
    [[maybe_unused]] const auto n = ::write(STDERR_FILENO, text_, size_);
  }

 private:
  char text_[256];
  size_t size_ = 0;
};

[[maybe_unused]] void on_crash(int signal) {
  const char* name = ::sigabbrev_np(signal);
  Line line;
  line << "nbdkit: error: crashed";
  if (current.callback != nullptr) {
    line << " in " << current.callback << " of plugin " << g_plugin;
  }
  line << ": SIG" << (name != nullptr ? name : "?");
  line.write();
  remove_leftovers();
  ::raise(signal);  // SA_RESETHAND: the default action now, once we return
}

}  // namespace

void blame_crashes_on(const char* plugin) {
  g_plugin = plugin;
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // they report themselves
  struct sigaction action{};
  action.sa_handler = on_crash;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    ::sigaction(signal, &action, nullptr);
  }
#endif
}

}  // namespace nbdkit
