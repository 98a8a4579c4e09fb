// SPDX-License-Identifier: BSD-3-Clause
//
// What GNU ddrescue has written down about a disk: which parts it could read.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

namespace nbd::filters {

struct Area {
  uint64_t begin, end;  // without `end`
};

class Mapfile {
 public:
  // Throws an Error that names the line.
  static Mapfile parse(std::string_view text);

  // In order; none touches the next.
  const std::vector<Area>& good() const { return good_; }
  bool is_good(uint64_t count, uint64_t offset) const {
    const auto area = first_behind(offset);
    return area != good_.end() && area->begin <= offset && count <= area->end - offset;
  }
  // Calls piece(begin, end, is_good) over [begin, end), in order.
  template <class Piece>
  void split(uint64_t begin, uint64_t end, Piece&& piece) const {
    for (auto area = first_behind(begin); begin < end; ++area) {
      const bool any = area != good_.end() && area->begin < end;
      const uint64_t from = any ? std::max(area->begin, begin) : end;
      if (from > begin) piece(begin, from, false);
      if (!any) return;
      const uint64_t to = std::min(area->end, end);
      piece(from, to, true);
      begin = to;
    }
  }

 private:
  // The first that ends behind offset.
  std::vector<Area>::const_iterator first_behind(uint64_t offset) const {
    return std::partition_point(good_.begin(), good_.end(),
                                [offset](const Area& a) { return a.end <= offset; });
  }
  std::vector<Area> good_;
};

}  // namespace nbd::filters
