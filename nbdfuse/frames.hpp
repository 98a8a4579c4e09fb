// SPDX-License-Identifier: BSD-3-Clause
//
// The frames of coroutines whose promise derives from this come out of a stock.
//
// Threads: any.
#pragma once

#include <cstddef>

namespace nbdfuse {

struct FrameFromStock {
  static void* operator new(size_t size);
  static void operator delete(void* frame, size_t size) noexcept;
};

}  // namespace nbdfuse
