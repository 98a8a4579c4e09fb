// SPDX-License-Identifier: BSD-3-Clause
#include "frames.hpp"

#include "limits.hpp"
#include "stock.hpp"

namespace nbdfuse {

namespace {

// Never destroyed: frames may outlast the static objects.
Stock& frames() {
  static auto* const stock = new Stock(kFrameSize, kFrames, kFrames);
  return *stock;
}

}  // namespace

void* FrameFromStock::operator new(size_t size) { return frames().allocate(size); }
void FrameFromStock::operator delete(void* frame, size_t size) noexcept {
  frames().deallocate(frame, size);
}

}  // namespace nbdfuse
