// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>

namespace nbd {

// Starts a detached thread with a stack of stack_size bytes (std::thread cannot
// say; only touched pages cost memory). false if the system has no more.
// body must not throw, and its owner must know by other means when it is done.
// Signals that end the program are blocked in it: they go to the main thread,
// which knows what to do, and interrupt nobody else's system calls.
bool start_thread(size_t stack_size, std::function<void()> body) noexcept;

// Enough for language plugins, and 10 000 of them fit any address space.
inline constexpr size_t kStackSize = 1 << 20;

}  // namespace nbd
