// SPDX-License-Identifier: BSD-3-Clause
//
// What MOUNTPOINT[/FILENAME] means on this machine.
#pragma once

#include <string>

namespace nbdfuse {

struct MountPoint {
  std::string path;       // absolute: what is mounted over
  std::string file_name;  // in that directory; empty: path is a file itself

  bool is_file() const { return file_name.empty(); }
};

inline constexpr const char* kDefaultFileName = "nbd";

// An existing file is mounted over; an existing directory gets a file named
// "nbd"; of DIR/NAME, where only DIR exists, DIR is mounted over and has NAME.
// In the last case DIR must be empty (unless nonempty_ok): a typo in the name of
// a mount point must not hide the directory that it is in.
// Throws an Error for everything else.
MountPoint resolve_mount_point(const std::string& typed, bool nonempty_ok);

}  // namespace nbdfuse
