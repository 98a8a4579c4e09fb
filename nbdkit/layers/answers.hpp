// SPDX-License-Identifier: BSD-3-Clause
//
// The opaque types of the C interface into which a plugin puts its answers.
#pragma once

#include <cerrno>
#include <exception>
#include <vector>

#include <nbdkit/disk.hpp>
#include <nbdkit/loan.hpp>

#include "base/log.hpp"

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

// Memory that runs out is -1 and an errno to those who cannot catch.
template <class Call>
int if_memory_lasts(Call&& call) noexcept {
  try {
    call();
    return 0;
  } catch (const std::exception&) {
    nbd::log::error("out of memory");
    errno = ENOMEM;
    return -1;
  }
}

inline constexpr size_t kMaxExports = 10000;  // more is a bug, not a server
}  // namespace nbdkit
