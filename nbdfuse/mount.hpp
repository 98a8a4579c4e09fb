// SPDX-License-Identifier: BSD-3-Clause
//
// A FUSE session at a mount point: mounted by the constructor, served by a
// thread, unmounted by request of the user or by unmount().
//
// Threads: one thread reads requests from the kernel; answers come from
// anywhere. All functions here are for the owner's thread.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/fd.hpp"
#include "file-system.hpp"
#include "mount-point.hpp"

namespace nbdfuse {

class Mount {
 public:
  // options: of -o, those that are for the kernel or libfuse. Throws an Error if
  // it cannot be mounted.
  Mount(FileSystem& file_system, const MountPoint& where, const std::vector<std::string>& options,
        unsigned max_in_flight);
  ~Mount();

  void start();
  // Readable once it has been unmounted and every request is answered.
  int ended_fd() const { return ended_.get(); }

  // Unmounts; if the file is in use, writes back what the kernel holds, takes
  // the mount out of sight and lets it live until the last user closes it. May
  // wait for the server, so it is called in a thread of its own.
  void unmount() noexcept;
  // At once, whatever is in flight; afterwards only exiting is of use.
  void detach() noexcept;

 private:
  struct DestroySession {
    void operator()(fuse_session* session) const noexcept { fuse_session_destroy(session); }
  };
  void serve() noexcept;

  FileSystem& file_system_;
  const std::string path_;
  const unsigned max_in_flight_;
  BufferPool buffers_;
  nbd::Fd ended_;
  std::unique_ptr<fuse_session, DestroySession> session_;
  std::jthread reader_;
};

}  // namespace nbdfuse
