// SPDX-License-Identifier: BSD-3-Clause
//
// nbdfuse: shows an NBD export as a plain file.
//
// Threads: this one waits for signals and for the mount's end; one reads the
// kernel's requests (mount.hpp); one drives each connection (connection.hpp).
#include <sys/prctl.h>
#include <unistd.h>

#include <cstdio>

#include "base/error.hpp"
#include "base/log.hpp"
#include "fuse-options.hpp"
#include "mount.hpp"
#include "nbd-remote.hpp"
#include "options.hpp"
#include "pidfile.hpp"
#include "service.hpp"

namespace nbdfuse {
namespace {

int run(const Options& options) {
  FuseOptions fuse = read_fuse_options(options.fuse_options);
  const bool read_only = options.read_only || fuse.read_only;
  const MountPoint where = resolve_mount_point(options.mount_point, fuse.nonempty);
  NbdRemote remote(options.target, options.connections, read_only);
  if (remote.exported().read_only) fuse.for_kernel.push_back("ro");
  fuse.file.file_name = where.file_name;

  // From here on signals are read by the service, in every thread and not in
  // the server that a mode may have started just now.
  Service service;
  // Whoever writes back memory through us must not wait for us to free some.
  // Needs CAP_SYS_RESOURCE; without it, all but that works.
  (void)::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);

  Disk disk(remote);
  FileSystem file_system(disk, fuse.file);
  Mount mount(file_system, where, fuse.for_kernel, options.one_at_a_time ? 1 : kMaxInFlight);
  if (!options.pidfile.empty()) write_pidfile(options.pidfile);
  remote.start();
  mount.start();
  return service.serve(mount, disk);
}

}  // namespace
}  // namespace nbdfuse

int main(int argc, char** argv) {
  nbd::log::set_program("nbdfuse");
  try {
    const auto options = nbdfuse::parse_options({argv, argv + argc});
    if (!options.answer.empty()) {
      std::fputs(options.answer.c_str(), stdout);
      return std::fflush(stdout) == 0 ? 0 : 1;
    }
    nbd::log::set_verbose(options.verbose);
    return nbdfuse::run(options);
  } catch (const std::exception& error) {
    nbd::log::error(std::string_view(error.what()));
    return 1;
  }
}
