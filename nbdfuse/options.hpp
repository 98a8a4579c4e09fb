// SPDX-License-Identifier: BSD-3-Clause
//
// The command line, as libnbd's nbdfuse has it: options, then the mount point,
// then the mode and what it needs.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace nbdfuse {

enum class Mode { uri, command, socket_activation, fd, tcp, unix_socket, vsock };

// What the kernel keeps of a file. none: nothing, every read and write comes to
// us, many at a time. write_through: what was read and written; a write is done
// when the server has it. write_back: a write is done when the kernel has it.
enum class Cache { none, write_through, write_back };

// Where the server is. words: what stood behind the mode switch.
struct Target {
  Mode mode = Mode::uri;
  std::vector<std::string> words;
};

struct Options {
  std::string mount_point;  // MOUNTPOINT[/FILENAME] as typed
  Target target;
  unsigned connections = 4;
  std::vector<std::string> fuse_options;  // one each: "allow_other", "uid=1000"
  std::string pidfile;                    // empty: none
  bool read_only = false;
  bool one_at_a_time = false;
  bool verbose = false;
  bool all_exports = false;  // the mount point is a directory, with a file for each
  std::optional<std::chrono::seconds> reconnect;
  Cache cache = Cache::write_through;
  bool stats = false;
  std::string stats_file;  // empty: stderr
  bool unmount = false;    // only mount_point counts

  // Set: print this and exit with status 0; nothing else counts.
  std::string answer;
};

// Throws an Error that says what is wrong; its sentence is meant to be followed
// by a pointer to --help.
Options parse_options(const std::vector<std::string>& argv);

// "a,b\,c" -> "a", "b\,c": commas separate, as in mount(8), unless escaped.
std::vector<std::string> split_fuse_options(const std::string& list);

}  // namespace nbdfuse
