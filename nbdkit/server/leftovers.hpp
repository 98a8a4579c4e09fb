// SPDX-License-Identifier: BSD-3-Clause
//
// What must not stay behind even if the process ends without its destructors: by
// a crash, or by a second signal while a plugin still starts.
//
// Threads: remember_leftovers() in the main thread only.
#pragma once

#include <string>

namespace nbdkit {

// A socket and the folder that it is in; either may be empty, and this takes the
// place of what was remembered before. Counts for this process alone.
void remember_leftovers(const std::string& socket, const std::string& folder);

// Async-signal-safe.
void remove_leftovers() noexcept;

}  // namespace nbdkit
