// SPDX-License-Identifier: BSD-3-Clause
//
// The opaque types of the C interface into which a plugin puts its answers.
#pragma once

#include <vector>

#include <nbdkit/disk.hpp>
#include <nbdkit/loan.hpp>

struct nbdkit_extents {
  nbd::Extents list;
};

struct nbdkit_exports {
  std::vector<nbd::ExportItem> list;
  bool use_default = false;  // one entry: what .default_export says
};

struct nbdkit_loan {
  nbd::Loan loan;
};

namespace nbdkit {
inline constexpr size_t kMaxExports = 10000;  // more is a bug, not a server
}
