// SPDX-License-Identifier: BSD-3-Clause
//
// What a round has left behind outside of its folder: processes that work in it,
// mounts below it, loop devices over its files. All of them are found through the
// folder's path, which is the round's alone.
//
// Sources: proc(5): /proc/PID/cwd, /proc/self/mountinfo; losetup(8):
// /sys/block/loopN/loop/backing_file.
#pragma once

#include <string>
#include <vector>

namespace testkit {

// Clears it away, and says what there was: "process 17 (sleep)", "mount /tmp/tkX/d/m".
// Processes get a moment to end by themselves first.
std::vector<std::string> clear_leftovers(const std::string& folder);

}  // namespace testkit
