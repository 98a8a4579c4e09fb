// SPDX-License-Identifier: BSD-3-Clause
//
// One round of a cell: a fresh folder, a fresh server, every client once.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "run/cell.hpp"

namespace testkit {

// What a client let be seen, for the comparison of rounds. Names that change
// with every round (the folder, the port) stand in the texts as $dir, $port.
struct Observed {
  std::string exit, out, err;
  std::vector<std::string> results;
};

struct RoundOutcome {
  std::vector<Action> actions;
  std::vector<Observed> observed;  // by client
  std::optional<WireTrace> trace;
  bool interrupted = false;

  bool passed() const;
};

RoundOutcome run_round(const ScenarioFile& file, const Cell& cell, unsigned round,
                       const RunOptions& options, const Deadline& deadline,
                       const Interrupt& interrupt);

// The server side of a cell alone, with its faults, for a client that somebody
// else starts: ready() is called when it listens; it ends with the interrupt. The
// actions are those of the setup and the servers.
struct Served {
  std::string uri, directory;
};
RoundOutcome serve_round(const ScenarioFile& file, const Cell& cell, const RunOptions& options,
                         const Interrupt& interrupt,
                         const std::function<void(const Served&)>& ready);

}  // namespace testkit
