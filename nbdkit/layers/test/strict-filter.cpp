// SPDX-License-Identifier: BSD-3-Clause
//
// For tests: does nothing, but only one request at a time. STRICT_MODEL says of what.
#include <nbdkit/filter.hpp>

namespace {

struct Strict {
  static constexpr auto name = "strict";
  static constexpr auto thread_model = nbd::ThreadModel::STRICT_MODEL;
};

}  // namespace

NBDKIT_FILTER(Strict)
