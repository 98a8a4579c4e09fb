// SPDX-License-Identifier: BSD-3-Clause
//
// Scenario files from disk: found, read, expanded and checked as a whole before
// anything runs.
#pragma once

#include <string>
#include <vector>

#include "scenario/model.hpp"
#include "scenario/problem.hpp"

namespace testkit {

// One combination of a scenario's matrix, ready to run.
struct Cell {
  unsigned number = 0;  // from 1, in the order of the file: what --cell takes
  std::string label;    // "unix how=rst"
  Transport transport = Transport::unix_socket;
  std::vector<Parameter> values;  // of the matrix, as text
  uint64_t seed = 0;
  Scenario scenario;
};

struct ScenarioFile {
  std::string path;  // as the user gave it, or below the folder that was given
  std::string id;    // "errors/failed-read": folder and name
  std::string name, why;
  std::vector<std::string> tags;
  std::vector<Cell> cells;
};

struct Loaded {
  std::vector<ScenarioFile> files;
  std::vector<Problem> problems;  // if any, nothing of this is to be run
};

// Each path is a file, or a folder that is searched for *.json.
Loaded load_scenarios(const std::vector<std::string>& paths, uint64_t run_seed);

// One scenario from its text, for load_scenarios() and tests.
ScenarioFile load_scenario(const std::string& path, std::string_view text, uint64_t run_seed,
                           std::vector<Problem>& problems);

}  // namespace testkit
