// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <sys/types.h>

namespace nbd {

// Sends the signal to the process and to all that it and they have started, as
// far as the way to them leads over parents that are still alive. For a child
// that shares our process group (and with it the keyboard), which therefore
// cannot be told apart by a group of its own. None of them can fork its way out:
// they are stopped before they get the signal.
//
// root: a child of ours that has not been waited for.
void signal_process_tree(pid_t root, int signal);

}  // namespace nbd
