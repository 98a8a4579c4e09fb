// SPDX-License-Identifier: BSD-3-Clause
//
// Steps performed through libnbd, one after another, each judged against what
// is expected of it. The first that fails ends them: what follows it would only
// tell of its consequences.
#pragma once

#include <string>
#include <vector>

#include "net/wait.hpp"
#include "run/content.hpp"
#include "run/result.hpp"
#include "run/servers.hpp"

namespace testkit {

struct StepsPlace {
  Endpoint endpoint;
  std::string export_name;
  uint64_t seed = 0;
  Servers& servers;
  const Variables& variables;
  DiskModel& model;
  const Interrupt& interrupt;
};

struct StepsOutcome {
  std::vector<Action> actions;
  // The result of every request: "success" or the errno's name. What a second
  // round is compared with.
  std::vector<std::string> results;
};

// `prefix` stands before each action ("client 2 "). Without a connect before the
// first step that needs one, one with default settings is made.
StepsOutcome run_steps(const std::vector<Step>& steps, const std::string& prefix,
                       const StepsPlace& place, const Deadline& deadline);

}  // namespace testkit
