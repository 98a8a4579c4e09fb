// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <nbdkit/disk.hpp>

#include <string_view>

namespace nbd::filters {

// For logs and reports: the words of the language of faults.
constexpr std::string_view name_of(Op op) {
  switch (op) {
    case Op::read: return "read";
    case Op::write: return "write";
    case Op::flush: return "flush";
    case Op::trim: return "trim";
    case Op::zero: return "zero";
    case Op::cache: return "cache";
    case Op::extents: return "extents";
  }
  return "?";
}

}  // namespace nbd::filters
