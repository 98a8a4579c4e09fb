// SPDX-License-Identifier: BSD-3-Clause
//
// Cells that this kernel cannot run: all of a run's in one guest, in which testkit runs itself;
// their results come back as if they had run here.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "run/runner.hpp"

namespace testkit::vm {

struct CellsInGuest {
  std::vector<Job> jobs;
  unsigned workers = 1;
  uint64_t run_seed = 0;
};

// done(index, result) is called for each job, in this thread. If no guest can be booted, all are
// skipped with the reason. If it dies, the cells that were running have failed, with the last lines
// of its console, and another guest takes the rest.
void run_cells_in_guest(const CellsInGuest& cells, const RunOptions& options,
                        const Interrupt& interrupt,
                        const std::function<void(size_t, CellResult)>& done);

// `testkit run-cells FILE`, in the guest: the other end of it.
int run_cells(const std::string& file);

}  // namespace testkit::vm
