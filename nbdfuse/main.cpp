// SPDX-License-Identifier: BSD-3-Clause
//
// nbdfuse: shows an NBD export as a plain file.
//
// Threads: this one waits for signals and for the mount's end; a few loops
// (loop.hpp) drive the connections, and the first reads the kernel's requests too.
#include <fcntl.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <thread>

#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/log.hpp"
#include "exports.hpp"
#include "fuse-options.hpp"
#include "limits.hpp"
#include "mount.hpp"
#include "nbd-remote.hpp"
#include "notify.hpp"
#include "options.hpp"
#include "pidfile.hpp"
#include "service.hpp"
#include "unmount.hpp"

namespace nbdfuse {
namespace {

Files make_files(Loops& loops, const Options& options, const std::string& name, bool read_only) {
  const RemoteSettings settings{.target = options.target,
                                .export_name = {},
                                .connections = options.connections,
                                .read_only = read_only,
                                .reconnect = options.reconnect};
  if (options.all_exports) return list_files(loops, settings);
  Files files;
  files.push_back(std::make_unique<File>(name, std::make_unique<NbdRemote>(loops, settings)));
  return files;
}

bool all_read_only(const Files& files) {
  return std::all_of(files.begin(), files.end(),
                     [](const auto& file) { return file->facts().read_only; });
}

// On stderr, or at the end of the file that was named.
void tell_stats(const Options& options, Stats* stats) {
  if (stats == nullptr) {
    nbd::log::error("SIGUSR1: nothing was counted, since there is no --stats");
    return;
  }
  const std::string text = stats->json();
  const char* const path = options.stats_file.empty() ? "/dev/stderr" : options.stats_file.c_str();
  const nbd::Fd fd(::open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644));
  if (!fd || ::write(fd.get(), text.data(), text.size()) == -1) {
    nbd::log::error("--stats: {}: {}", path, nbd::errno_text(errno));
  }
}

int run(const Options& options) {
  FuseOptions fuse = read_fuse_options(options.fuse_options);
  const bool read_only = options.read_only || fuse.read_only;
  const MountPoint where = resolve_mount_point(options.mount_point, fuse.nonempty);
  if (options.all_exports && (where.is_file() || where.file_name != kDefaultFileName)) {
    nbd::fail("--all-exports: {} must be a directory", options.mount_point);
  }
  Loops loops(
      std::min(options.connections, std::max(kMinLoops, std::thread::hardware_concurrency())));
  Files files = make_files(loops, options, where.file_name, read_only);
  if (all_read_only(files)) fuse.for_kernel.push_back("ro");
  fuse.file.over_file = where.is_file();
  fuse.file.cache = options.cache;
  const auto stats = options.stats ? std::make_unique<Stats>() : nullptr;

  // From here on signals are read by the service, in every thread and not in
  // the server that a mode may have started just now.
  Service service([&] { tell_stats(options, stats.get()); });
  // Whoever writes back memory through us must not wait for us to free some.
  // Needs CAP_SYS_RESOURCE; without it, all but that works.
  (void)::prctl(PR_SET_IO_FLUSHER, 1, 0, 0, 0);

  Callers callers;
  FileSystem file_system(files, fuse.file, callers, stats.get());
  Mount mount(loops[0], file_system, where, fuse.for_kernel,
              options.one_at_a_time ? 1 : kMaxInFlight);
  if (!options.pidfile.empty()) write_pidfile(options.pidfile);
  const Callers::Watch watch(callers);
  const Loops::Running running(loops);
  notify_supervisor(fmt::format("READY=1\nMAINPID={}", ::getpid()));
  const int status = service.serve(mount, files);
  if (stats) tell_stats(options, stats.get());
  return status;
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
    if (options.unmount) {
      nbdfuse::unmount_ours(options.mount_point);
      return 0;
    }
    return nbdfuse::run(options);
  } catch (const std::exception& error) {
    nbd::log::error(std::string_view(error.what()));
    return 1;
  }
}
