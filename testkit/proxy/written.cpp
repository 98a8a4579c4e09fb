// SPDX-License-Identifier: BSD-3-Clause
#include "proxy/written.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace testkit::proxy {

namespace wire = nbd::wire;

namespace {

constexpr uint64_t kPage = 4096;

bool changes_data(wire::Command c) {
  return c == wire::Command::write || c == wire::Command::write_zeroes || c == wire::Command::trim;
}

}  // namespace

void WrittenDisk::begin(uint64_t connection, const wire::Request& r, wire::Bytes payload) {
  const bool is_flush = r.command == wire::Command::flush;
  if (!is_flush && !changes_data(r.command)) return;
  const std::lock_guard lock(mutex_);
  Open open{connection, r.cookie, r.command, {0, 0}, {}, false, false, acknowledged_};
  open.fua = (r.flags & wire::command_flag::kFua) != 0;
  if (!is_flush) {
    const uint64_t begin = std::min(r.offset, kMaxSize);
    open.range = {begin, begin + std::min(r.length, kMaxSize - begin)};
    open.payload.assign(payload.begin(), payload.end());
    open.payload.resize(r.command == wire::Command::write ? open.range.end - begin : 0);
    for (Open& other : open_) {
      if (!other.range.meets(open.range) || same_bytes(open, other)) continue;
      open.crossed = other.crossed = true;
    }
  }
  open_.push_back(std::move(open));
}

// Where they meet. A trim leaves nobody knows what.
bool WrittenDisk::same_bytes(const Open& a, const Open& b) {
  const Range common{std::max(a.range.begin, b.range.begin), std::min(a.range.end, b.range.end)};
  if (a.command == wire::Command::trim || b.command == wire::Command::trim) return false;
  for (uint64_t at = common.begin; at < common.end; ++at) {
    if (a.byte_at(at) != b.byte_at(at)) return false;
  }
  return true;
}

void WrittenDisk::answered(uint64_t connection, uint64_t cookie, bool success) {
  const std::lock_guard lock(mutex_);
  const auto open = std::find_if(open_.begin(), open_.end(), [&](const Open& o) {
    return o.connection == connection && o.cookie == cookie;
  });
  if (open == open_.end()) return;
  if (open->command != wire::Command::flush) {
    if (success) {
      apply(*open);
    } else {
      set(open->range, nullptr, State::unknown);
    }
  } else if (success) {
    std::erase_if(unflushed_, [&](const Unflushed& u) { return u.number <= open->flushes_upto; });
  }
  open_.erase(open);
}

void WrittenDisk::apply(const Open& done) {
  ++acknowledged_;
  const bool is_known = !done.crossed && done.command != wire::Command::trim;
  if (!is_known) return set(done.range, nullptr, State::unknown);
  const std::byte* bytes = done.payload.empty() ? nullptr : done.payload.data();
  set(done.range, bytes, State::known);
  if (!done.fua) unflushed_.push_back({acknowledged_, done.range});
}

// bytes: of the range; none: zeroes.
void WrittenDisk::set(const Range& range, const std::byte* bytes, State state) {
  for (uint64_t at = range.begin; at < range.end;) {
    const uint64_t in_page = at % kPage;
    const uint64_t count = std::min(kPage - in_page, range.end - at);
    Page& p = page(at / kPage);
    const auto to = static_cast<ptrdiff_t>(in_page);
    std::fill_n(p.states.begin() + to, count, state);
    if (bytes == nullptr) {
      std::fill_n(p.bytes.begin() + to, count, std::byte{0});
    } else {
      std::copy_n(bytes + (at - range.begin), count, p.bytes.begin() + to);
    }
    at += count;
  }
}

WrittenDisk::Page& WrittenDisk::page(uint64_t number) {
  Page& p = pages_[number];
  if (p.bytes.empty()) {
    p.bytes.resize(kPage);
    p.states.resize(kPage, State::untouched);
  }
  return p;
}

void WrittenDisk::crash() {
  const std::lock_guard lock(mutex_);
  for (const Unflushed& u : unflushed_) {
    for (uint64_t at = u.range.begin; at < u.range.end; ++at) {
      State& state = page(at / kPage).states[at % kPage];
      if (state == State::known) state = State::lost_unless_luck;
    }
  }
  unflushed_.clear();
}

// Those that were never answered may be there, or not.
bool WrittenDisk::may_be_of_open(uint64_t at, std::byte byte) const {
  return std::any_of(open_.begin(), open_.end(), [&](const Open& o) {
    return o.range.begin <= at && at < o.range.end &&
           (o.command == wire::Command::trim || o.byte_at(at) == byte);
  });
}

std::string WrittenDisk::compare(uint64_t offset, wire::Bytes now, wire::Bytes before,
                                 bool flushed_only) const {
  const std::lock_guard lock(mutex_);
  for (size_t i = 0; i < now.size();) {
    const uint64_t at = offset + i;
    const size_t count = std::min<size_t>(kPage - at % kPage, now.size() - i);
    const auto found = pages_.find(at / kPage);
    const Page* page = found == pages_.end() ? nullptr : &found->second;
    std::string fault =
        compare_page(page, at, now.subspan(i, count), before.subspan(i, count), flushed_only);
    if (!fault.empty()) return fault;
    i += count;
  }
  return "";
}

// Within a page.
std::string WrittenDisk::compare_page(const Page* page, uint64_t offset, wire::Bytes now,
                                      wire::Bytes before, bool flushed_only) const {
  if (page == nullptr && std::equal(now.begin(), now.end(), before.begin())) return "";
  for (size_t i = 0; i < now.size(); ++i) {
    const uint64_t at = offset + i;
    const State state = page == nullptr ? State::untouched : page->states[at % kPage];
    if (state == State::unknown || (state == State::lost_unless_luck && flushed_only)) continue;
    const std::byte wanted = state == State::untouched ? before[i] : page->bytes[at % kPage];
    if (now[i] == wanted || may_be_of_open(at, now[i])) continue;
    return fmt::format(
        "byte {} is {:#04x}, and should be {:#04x}: {}", at, std::to_integer<unsigned>(now[i]),
        std::to_integer<unsigned>(wanted),
        state == State::untouched ? "nobody has written there" : "this was acknowledged");
  }
  return "";
}

uint64_t WrittenDisk::known() const {
  const std::lock_guard lock(mutex_);
  uint64_t count = 0;
  for (const auto& [number, p] : pages_) {
    count += static_cast<uint64_t>(std::count_if(p.states.begin(), p.states.end(), [](State s) {
      return s == State::known || s == State::lost_unless_luck;
    }));
  }
  return count;
}

}  // namespace testkit::proxy
