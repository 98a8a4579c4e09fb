// SPDX-License-Identifier: BSD-3-Clause
//
// One cell from its start to its end: the needs, then for each round a folder,
// the setup, the server, the clients, the comparisons, and nothing left over.
#pragma once

#include <string>

#include "net/wait.hpp"
#include "run/result.hpp"
#include "scenario/load.hpp"

namespace testkit {

struct RunOptions {
  std::string nbdkit;     // the server's program
  Duration timeout{};     // of a cell whose scenario gives none
  std::string keep_logs;  // folder for the logs; empty: they go
  unsigned retries = 0;   // of a cell that has failed
  bool trace = false;     // a proxy in every cell, also where it does nothing
};

CellResult run_cell(const ScenarioFile& file, const Cell& cell, const RunOptions& options,
                    const Interrupt& interrupt);

// The first of the needs that is not there, as a sentence; empty if all are.
std::string missing_need(const Needs& needs);

}  // namespace testkit
