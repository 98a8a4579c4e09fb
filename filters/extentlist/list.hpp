// SPDX-License-Identifier: BSD-3-Clause
//
// The list of the extentlist filter. What it does not have is a hole that reads as
// zero.
#pragma once

#include <nbdkit/disk.hpp>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

namespace nbd::filters {

class ExtentList {
 public:
  struct Entry {
    uint64_t begin, end;  // without `end`
    uint32_t type;
  };

  // "1M 9M hole,zero", a line each, in any order. Throws an Error that names the
  // line, or the two that overlap.
  static ExtentList parse(std::string_view text);

  // Sorted, none overlaps the next, neighbours of one type are joined.
  const std::vector<Entry>& entries() const { return entries_; }

  // [offset, offset + count), or the first of it that has one type.
  [[nodiscard]] bool describe(uint64_t count, uint64_t offset, bool one, Extents& out) const {
    constexpr uint32_t kGap = kExtentHole | kExtentZero;
    const uint64_t end = offset + count;
    auto entry = std::partition_point(entries_.begin(), entries_.end(),
                                      [offset](const Entry& e) { return e.end <= offset; });
    for (uint64_t at = offset; at < end; at = out.start() + out.covered()) {
      const bool in_entry = entry != entries_.end() && entry->begin <= at;
      const uint64_t to = in_entry ? entry->end : entry != entries_.end() ? entry->begin : end;
      const uint64_t before = out.covered();
      if (!out.add(at, std::min(to, end) - at, in_entry ? entry->type : kGap)) return false;
      if (one || out.covered() == before) break;  // or it has as much as it takes
      if (in_entry) ++entry;
    }
    return true;
  }

 private:
  std::vector<Entry> entries_;
};

}  // namespace nbd::filters
