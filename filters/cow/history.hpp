// SPDX-License-Identifier: BSD-3-Clause
//
// For tests: what a read may see of a disk that many write to at the same time.
//
// The disk is cells of 512 bytes (the last may be shorter). Every change of a cell is
// remembered with the moments at which it was asked for and answered, in ticks of one
// clock. A read may see what was written by a change that it overlaps, or by one that
// ended before it, unless another change began after that had ended, and ended before
// the read began. Each byte is judged by itself: nothing is said of tearing.
//
// Threads: any call at any time; a cell has a lock.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "base/mix.hpp"

namespace history {

inline constexpr uint64_t kCell = 512;

// What a change leaves at each byte. No two changes have the same, though all that
// have kZeroes in them leave zeroes.
using Value = uint64_t;
inline constexpr Value kZeroes = uint64_t{1} << 63;
inline constexpr Value kStart = 1;  // before any change
// The eight bytes from a multiple of 8 on, the first one lowest.
inline uint64_t word_of(Value value, uint64_t offset) {
  return (value & kZeroes) != 0 ? 0 : nbd::mix(value * 0x9e3779b97f4a7c15 + offset);
}
inline std::byte byte_in(uint64_t word, uint64_t offset) {
  return static_cast<std::byte>(word >> offset % 8 * 8);
}
inline void fill(std::span<std::byte> buf, uint64_t offset, Value value) {
  uint64_t word = 0;
  for (size_t i = 0; i < buf.size(); ++i) {
    if (i == 0 || (offset + i) % 8 == 0) word = word_of(value, (offset + i) & ~uint64_t{7});
    buf[i] = byte_in(word, offset + i);
  }
}

class History {
 public:
  explicit History(uint64_t size)
      : size_(size), cells_(std::make_unique<Cell[]>((size + kCell - 1) / kCell)) {}

  uint64_t size() const { return size_; }
  uint64_t now() { return clock_.fetch_add(1); }
  Value new_value() { return next_value_.fetch_add(1); }

  // Before it is asked for. Whole cells.
  void begin(uint64_t count, uint64_t offset, Value value) {
    const uint64_t at = now();
    each_cell(count, offset, [&](Cell& cell) { cell.changes.push_back({at, kOpen, value}); });
  }
  // After it is answered.
  void end(uint64_t count, uint64_t offset, Value value) {
    const uint64_t at = now();
    each_cell(count, offset, [&](Cell& cell) {
      const auto change =
          std::find_if(cell.changes.rbegin(), cell.changes.rend(),
                       [&](const Change& c) { return c.value == value && c.end == kOpen; });
      change->end = at;
    });
  }
  // Of a read that began at `began` and has just ended: empty, or what is wrong.
  std::string judge(std::span<const std::byte> buf, uint64_t offset, uint64_t began) {
    const uint64_t ended = now();
    for (uint64_t at = offset; at < offset + buf.size();) {
      const uint64_t cell = at / kCell;
      const uint64_t to = std::min(offset + buf.size(), (cell + 1) * kCell);
      const std::vector<Value> values = allowed(cells_[cell], began, ended);
      for (; at < to; at = at / 8 * 8 + 8) {
        const uint64_t wrong = first_wrong(buf.subspan(at - offset), at, to, values);
        if (wrong < to) {
          return "byte " + std::to_string(wrong) + " is " +
                 std::to_string(std::to_integer<int>(buf[wrong - offset])) + ", of " +
                 std::to_string(values.size()) + " values that it may have";
        }
      }
      at = to;
    }
    return "";
  }

 private:
  static constexpr uint64_t kOpen = UINT64_MAX;
  struct Change {
    uint64_t begin, end;
    Value value;
  };
  struct Cell {
    std::mutex mutex;
    std::vector<Change> changes{{0, 0, kStart}};
  };

  template <class Each>
  void each_cell(uint64_t count, uint64_t offset, Each&& each) {
    for (uint64_t cell = offset / kCell; cell * kCell < offset + count; ++cell) {
      const std::lock_guard lock(cells_[cell].mutex);
      each(cells_[cell]);
    }
  }
  // Of the bytes at `at`, up to the end of their word or `to`; `to` if all are right.
  static uint64_t first_wrong(std::span<const std::byte> got, uint64_t at, uint64_t to,
                              const std::vector<Value>& values) {
    const uint64_t end = std::min(to, at / 8 * 8 + 8);
    uint64_t right = 0;  // a bit for each byte
    for (const Value value : values) {
      const uint64_t word = word_of(value, at / 8 * 8);
      for (uint64_t i = at; i < end; ++i) {
        if (got[i - at] == byte_in(word, i)) right |= uint64_t{1} << (i - at);
      }
    }
    for (uint64_t i = at; i < end; ++i) {
      if ((right >> (i - at) & 1) == 0) return i;
    }
    return to;
  }
  static std::vector<Value> allowed(Cell& cell, uint64_t began, uint64_t ended) {
    const std::lock_guard lock(cell.mutex);
    // The latest beginning of those that ended before the read: what had ended before
    // that is gone.
    uint64_t latest = 0;
    for (const Change& c : cell.changes) {
      if (c.end < began) latest = std::max(latest, c.begin);
    }
    std::vector<Value> out;
    for (const Change& c : cell.changes) {
      if (c.end >= latest && c.begin < ended) out.push_back(c.value);
    }
    return out;
  }

  const uint64_t size_;
  std::unique_ptr<Cell[]> cells_;
  std::atomic<uint64_t> clock_{1}, next_value_{2};
};

}  // namespace history
