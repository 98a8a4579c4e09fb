// SPDX-License-Identifier: BSD-3-Clause
#include "session/input.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/error.hpp"

namespace nbdkit {

namespace {
[[noreturn]] void ended_within() { nbd::fail("the client hung up in the middle of a message"); }
}  // namespace

const std::byte* Input::need(size_t count) {
  if (buffered() >= count) return front() + begin_;
  // What is left of a message moves to the front: once per buffer, not per
  // message, and an idle connection touches the first page alone.
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (begin_ + count > usable_) {
    std::memmove(front(), front() + begin_, buffered());
    end_ -= begin_;
    begin_ = 0;
  }
  while (buffered() < count) {
    auto space = room();
    if (std::exchange(large_, false)) {
      space = space.first(std::min(space.size(), std::max(count, limits::kLittleInput)));
    }
    const size_t got = channel_.stream().receive(space);
    if (got == 0) {
      if (buffered() != 0) ended_within();
      return nullptr;
    }
    end_ += got;
  }
  return front() + begin_;
}

void Input::read(std::span<std::byte> out) {
  if (out.empty()) return;  // its data() may be null, which memcpy must not see
  large_ = out.size() >= limits::kLargePayload;
  const size_t first = std::min(out.size(), buffered());
  std::memcpy(out.data(), front() + begin_, first);
  take(first);
  out = out.subspan(first);
  if (out.empty()) return;
  begin_ = end_ = 0;
  const auto behind = large_ ? room().first(limits::kLittleInput) : room();
  while (!out.empty()) {
    const size_t got = channel_.stream().receive(out, behind);
    if (got == 0) ended_within();
    const size_t here = std::min(got, out.size());
    out = out.subspan(here);
    end_ = got - here;
  }
}

void Input::skip(size_t count) {
  while (count > 0) {
    const size_t piece = std::min(count, usable_ / 2);
    if (need(piece) == nullptr) ended_within();
    take(piece);
    count -= piece;
  }
}

}  // namespace nbdkit
