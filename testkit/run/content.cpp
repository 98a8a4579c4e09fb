// SPDX-License-Identifier: BSD-3-Clause
#include "run/content.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <iterator>
#include <vector>

#include "scenario/seed.hpp"

namespace testkit {

namespace {

// Bytes made eight at a time, the word at an offset that is a multiple of 8
// being word(offset), first byte first as memory has it (big end first).
template <class Word>
void fill_words(uint64_t offset, std::span<std::byte> out, Word word) {
  uint64_t current = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    const uint64_t at = offset + i;
    if (i == 0 || at % 8 == 0) current = word(at & ~uint64_t{7});
    out[i] = static_cast<std::byte>(current >> (56 - 8 * (at % 8)));
  }
}

}  // namespace

void fill(const Content& content, uint64_t seed, uint64_t offset, std::span<std::byte> out) {
  switch (content.kind) {
    case Content::Kind::unknown: break;
    case Content::Kind::byte: std::fill(out.begin(), out.end(), std::byte{content.byte}); break;
    case Content::Kind::pattern:  // as nbdkit's pattern plugin: each offset, written there
      fill_words(offset, out, [](uint64_t at) { return at; });
      break;
    case Content::Kind::random:
      fill_words(offset, out, [&](uint64_t at) { return mix(seed ^ mix(at)); });
      break;
    case Content::Kind::text:
      for (size_t i = 0; i < out.size(); ++i) {
        out[i] = static_cast<std::byte>(
            content.text[(offset + i - content.origin) % content.text.size()]);
      }
      break;
  }
}

std::string compare(const Content& content, uint64_t seed, uint64_t offset,
                    std::span<const std::byte> got) {
  if (content.kind == Content::Kind::unknown) return "";
  std::vector<std::byte> wanted(got.size());
  fill(content, seed, offset, wanted);
  if (std::memcmp(wanted.data(), got.data(), got.size()) == 0) return "";
  size_t wrong = 0, first = got.size();
  for (size_t i = 0; i < got.size(); ++i) {
    if (got[i] == wanted[i]) continue;
    first = std::min(first, i);
    ++wrong;
  }
  return fmt::format("{} of {} bytes wrong from offset {} ({:#04x} for {:#04x})", wrong, got.size(),
                     offset + first, std::to_integer<unsigned>(got[first]),
                     std::to_integer<unsigned>(wanted[first]));
}

void DiskModel::split(uint64_t at) {
  const auto after = ranges_.upper_bound(at);
  ranges_.emplace(at, std::prev(after)->second);
}

void DiskModel::set(uint64_t offset, uint64_t length, const Content& content) {
  if (length == 0) return;
  const std::lock_guard lock(mutex_);
  split(offset);
  const uint64_t end = offset + length;
  if (end > offset) split(end);  // else it reaches past the last offset there is
  const auto last = end > offset ? ranges_.find(end) : ranges_.end();
  ranges_.erase(ranges_.find(offset), last);
  ranges_[offset] = content;
}

std::string DiskModel::compare(uint64_t offset, std::span<const std::byte> got) const {
  const std::lock_guard lock(mutex_);
  auto range = std::prev(ranges_.upper_bound(offset));
  while (!got.empty()) {
    const auto next = std::next(range);
    const uint64_t left = next == ranges_.end() ? got.size() : next->first - offset;
    const size_t here = static_cast<size_t>(std::min<uint64_t>(left, got.size()));
    std::string wrong = testkit::compare(range->second, seed_, offset, got.first(here));
    if (!wrong.empty()) return wrong;
    got = got.subspan(here);
    offset += here;
    range = next;
  }
  return "";
}

}  // namespace testkit
