// SPDX-License-Identifier: BSD-3-Clause
#pragma once

namespace nbdkit {

// From now on a crash says on stderr in which callback of which plugin it
// happened, before it ends the process as ever (with a core file, if the system
// wants one). plugin: borrowed for ever. A plugin, or a language that it brings,
// may put its own handlers in place of ours.
void blame_crashes_on(const char* plugin);

}  // namespace nbdkit
