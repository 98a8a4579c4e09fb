// SPDX-License-Identifier: BSD-3-Clause
//
// nofilter: nothing is changed. It shows what a layer costs.
#include <nbdkit/filter.hpp>

namespace {

struct NoFilter {
  static constexpr auto name = "nofilter";
  static constexpr auto longname = "nbdkit nofilter filter";
  static constexpr auto description = "Change nothing";
};

}  // namespace

NBDKIT_FILTER(NoFilter)
