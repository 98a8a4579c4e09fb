// SPDX-License-Identifier: BSD-3-Clause
//
// The life of a mount: served until it is unmounted or a signal asks for it,
// then flushed.
//
// Threads: for the main thread; unmounting on a signal runs in one of its own,
// since it may wait for the server.
#pragma once

#include <functional>

#include "base/fd.hpp"
#include "file-system.hpp"
#include "mount.hpp"

namespace nbdfuse {

class Service {
 public:
  // Blocks SIGTERM, SIGINT, SIGHUP, SIGQUIT and SIGUSR1, here and in the threads
  // that this one starts: serve() takes them. REQUIRES: there are no others yet.
  // tell_stats: what SIGUSR1 is for.
  explicit Service(std::function<void()> tell_stats);

  // The exit status: 0 if all that was written is on the server. The first
  // signal to end unmounts; another, while that is not done, ends the process.
  int serve(Mount& mount, const Files& files);

 private:
  Status flush(Mount& mount, Disk& disk);
  void wait(int event_fd, Mount& mount);
  void take_signal(Mount& mount);

  const std::function<void()> tell_stats_;

  nbd::Fd signals_;
  std::jthread unmounter_;
  bool unmounting_ = false;
};

}  // namespace nbdfuse
