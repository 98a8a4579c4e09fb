// SPDX-License-Identifier: BSD-3-Clause
//
// A FUSE session at a mount point: mounted by the constructor, served by a
// loop, unmounted by request of the user or by unmount().
//
// Threads: the loop's reads requests from the kernel; answers come from anywhere.
// The other functions here are for the owner's thread.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/fd.hpp"
#include "file-system.hpp"
#include "loop.hpp"
#include "mount-point.hpp"

namespace nbdfuse {

class Mount final : public Loop::Client {
 public:
  // options: of -o, those that are for the kernel or libfuse. Throws an Error if
  // it cannot be mounted.
  // The loop starts later, and stops before this goes.
  Mount(Loop& loop, FileSystem& file_system, const MountPoint& where,
        const std::vector<std::string>& options, unsigned max_in_flight);
  Mount(const Mount&) = delete;
  Mount& operator=(const Mount&) = delete;
  ~Mount();

  // Readable once it has been unmounted and every request is answered.
  int ended_fd() const { return ended_.get(); }

  // Unmounts; if the file is in use, writes back what the kernel holds, takes
  // the mount out of sight and lets it live until the last user closes it. May
  // wait for the server, so it is called in a thread of its own.
  void unmount() noexcept;
  // At once, whatever is in flight; afterwards only exiting is of use.
  void detach() noexcept;

  Wish work() noexcept override;
  void ready(uint32_t events) noexcept override;

 private:
  struct DestroySession {
    void operator()(fuse_session* session) const noexcept { fuse_session_destroy(session); }
  };
  bool serve_one() noexcept;

  FileSystem& file_system_;
  const std::string path_;
  BufferPool buffers_;
  nbd::Fd ended_;
  std::unique_ptr<fuse_session, DestroySession> session_;
  bool greeted_ = false;
  bool ended_told_ = false;
};

}  // namespace nbdfuse
