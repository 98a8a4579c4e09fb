// SPDX-License-Identifier: BSD-3-Clause
#include "session/input.hpp"

#include <algorithm>
#include <cstring>

#include "base/error.hpp"

namespace nbdkit {

namespace {
[[noreturn]] void ended_within() { nbd::fail("the client hung up in the middle of a message"); }
}  // namespace

const std::byte* Input::need(size_t count) {
  if (buffered() >= count) return buffer_.data() + begin_;
  // What is left of a message moves to the front: once per buffer, not per
  // message, and an idle connection touches the first page alone.
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (begin_ + count > buffer_.size()) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, buffered());
    end_ -= begin_;
    begin_ = 0;
  }
  while (buffered() < count) {
    const size_t got = channel_.stream().receive({buffer_.data() + end_, buffer_.size() - end_});
    if (got == 0) {
      if (buffered() != 0) ended_within();
      return nullptr;
    }
    end_ += got;
  }
  return buffer_.data() + begin_;
}

void Input::read(std::span<std::byte> out) {
  if (out.empty()) return;  // its data() may be null, which memcpy must not see
  const size_t first = std::min(out.size(), buffered());
  std::memcpy(out.data(), buffer_.data() + begin_, first);
  take(first);
  out = out.subspan(first);
  while (!out.empty()) {
    const size_t got = channel_.stream().receive(out);
    if (got == 0) ended_within();
    out = out.subspan(got);
  }
}

void Input::skip(size_t count) {
  while (count > 0) {
    const size_t piece = std::min(count, limits::kInputBuffer / 2);
    if (need(piece) == nullptr) ended_within();
    take(piece);
    count -= piece;
  }
}

}  // namespace nbdkit
