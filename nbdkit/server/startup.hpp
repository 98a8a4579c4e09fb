// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include "server/options.hpp"

namespace nbdkit {

// Small steps of the start, each an Error if it cannot be done.

// The program's name in messages, and where errors go as long as the user wants
// that to be one place.
void set_up_log(const Options& options);

// For -D nbdkit.environ=1.
void show_environment();

// A client costs a descriptor, with some plugins two; the usual limit is 1024.
void raise_descriptor_limit();

// --swap. The limit has to be raised before the user changes, the lock taken
// after the fork, over which it is not handed on.
void raise_memory_lock_limit();
void lock_memory();

void write_pid_file(const std::string& path);

}  // namespace nbdkit
