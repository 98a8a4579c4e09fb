// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

namespace nbdfuse {

// umount(2) as root; others have fusermount3 do it, whose reason goes to stderr.
// 0 or an errno.
int unmount_path(const std::string& path, bool lazy);

// Where an nbdfuse is mounted, for what was given as it is to mount it: there, or in
// its folder. Empty: at neither.
std::string mount_of_ours(const std::string& typed);

// --unmount: of a mount of ours, given as it was to mount it. What was written is
// on the server when this returns. Throws an Error if that is not so.
void unmount_ours(const std::string& typed);

}  // namespace nbdfuse
