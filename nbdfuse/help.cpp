// SPDX-License-Identifier: BSD-3-Clause
#include "help.hpp"

#include <fmt/format.h>

#include "connection.hpp"
#include "limits.hpp"

namespace nbdfuse {

std::string help_text() {
  return fmt::format(R"(Show a network block device as a plain file:

    nbdfuse [OPTIONS] MOUNTPOINT[/FILENAME] URI

The server can also be given as:

    nbdfuse [OPTIONS] MOUNTPOINT[/FILENAME] [ CMD [ARGS ...] ]
    nbdfuse [OPTIONS] MOUNTPOINT[/FILENAME] --socket-activation CMD [ARGS ...]
    nbdfuse [OPTIONS] MOUNTPOINT[/FILENAME] --command CMD [ARGS ...]
    nbdfuse [OPTIONS] MOUNTPOINT[/FILENAME] --unix SOCKET
    nbdfuse [OPTIONS] MOUNTPOINT[/FILENAME] --tcp HOST PORT
    nbdfuse [OPTIONS] MOUNTPOINT[/FILENAME] --vsock CID PORT
    nbdfuse [OPTIONS] MOUNTPOINT[/FILENAME] --fd N

To unmount:

    nbdfuse --unmount MOUNTPOINT      (or fusermount3 -u MOUNTPOINT)

Options:

        --all-exports     a directory with a file for each export
    -C, --connections N   connections to the server, if it allows several ({})
        --cache MODE      none, writethrough (the default) or writeback
    -o OPTION[,...]       options of the mount, see --fuse-help
    -P, --pidfile FILE    write the process ID when the file is there
    -r, --readonly        refuse writes
        --reconnect[=SECONDS]
                          wait for a server that went away, for ever or so long
    -s                    one request at a time
        --stats[=FILE]    count; SIGUSR1 writes it to FILE or stderr, as JSON
    -u, --unmount         unmount, when all that was written is on the server
    -v, --verbose, -d     say what is done, on stderr
    -V, --version         print the version
        --help            print this
        --fuse-help       print what -o takes

nbdfuse stays in the foreground until it is unmounted or gets SIGTERM, SIGINT,
SIGHUP or SIGQUIT, which unmount. See nbdfuse(1).
)",
                     kDefaultConnections);
}

std::string fuse_help_text() {
  return R"(Options for -o, several separated by commas:

    allow_other           let other users in
    allow_root            let root in
    auto_unmount          unmount also if nbdfuse is killed
    default_permissions   let the kernel check owner and mode
    ro                    as -r
    uid=N, gid=N          owner and group of the file
    umask=M               permissions to take away (octal)
    entry_timeout=T       seconds for which the kernel keeps names
    attr_timeout=T        seconds for which the kernel keeps attributes
    kernel_cache          keep cached data when the file is opened again
    auto_cache            the same, unless it was written to meanwhile
    clone_fd, max_threads=N, max_idle_threads=N
                          accepted, and of no effect
    nonempty              let MOUNTPOINT/FILENAME hide a directory with files in it
    fsname=NAME, subtype=NAME, noatime, nodev, nosuid, noexec, sync, dirsync
                          as for mount(8)
)";
}

std::string version_text() {
  const Handle handle(nbd_create());
  const char* const libnbd = handle ? nbd_get_version(handle.get()) : "unknown";
  return fmt::format("nbdfuse {}\nlibnbd {}\n", NBDFUSE_VERSION, libnbd);
}

}  // namespace nbdfuse
