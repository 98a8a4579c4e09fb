// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <functional>

namespace nbd {

// Starts a detached thread with a stack of stack_size bytes (std::thread cannot
// say; only touched pages cost memory). false if the system has no more.
// body must not throw, and its owner must know by other means when it is done.
bool start_thread(size_t stack_size, std::function<void()> body) noexcept;

// Enough for language plugins, and 10 000 of them fit any address space.
inline constexpr size_t kStackSize = 1 << 20;

}  // namespace nbd
