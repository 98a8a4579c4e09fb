// SPDX-License-Identifier: BSD-3-Clause
#include "run/command.hpp"

#include <signal.h>

#include <algorithm>

#include "base/error.hpp"
#include "run/files.hpp"
#include "run/stacks.hpp"
#include "run/text-check.hpp"

namespace testkit {

namespace {

// What is kept of a client's output for the expectations on it.
constexpr size_t kMaxOutput = 4u << 20;
constexpr size_t kShownLines = 5;

bool exit_fits(const ExitCheck& check, const nbd::ExitStatus& status) {
  switch (check.kind) {
    case ExitCheck::Kind::success: return status.success();
    case ExitCheck::Kind::failure:  // a crash is not how a good client fails
      return status.signal == 0 && status.code != 0;
    case ExitCheck::Kind::code: return status.signal == 0 && status.code == check.number;
    case ExitCheck::Kind::signal: return status.signal == check.number;
  }
  return false;
}

std::string describe(const ExitCheck& check) {
  switch (check.kind) {
    case ExitCheck::Kind::success: return "success";
    case ExitCheck::Kind::failure: return "failure";
    case ExitCheck::Kind::code: return fmt::format("exit status {}", check.number);
    case ExitCheck::Kind::signal: return nbd::ExitStatus{0, check.number}.describe();
  }
  return "";
}

std::string describe(const CommandExpect& expect, const TimeCheck& time) {
  std::string out;
  for (const ExitCheck& check : expect.exit) out += (out.empty() ? "" : " or ") + describe(check);
  out += describe(time);
  if (!expect.out.empty()) out += ", stdout " + describe(expect.out);
  if (!expect.err.empty()) out += ", stderr " + describe(expect.err);
  return out;
}

// The first thing that is not as expected; empty if all is.
std::string find_fault(const CommandExpect& expect, const TimeCheck& time,
                       const CommandOutcome& outcome) {
  if (!outcome.status) {
    return outcome.stopped_by == Wake::timeout
               ? fmt::format("still running after {}, killed", show_time(outcome.took))
               : "interrupted";
  }
  const bool exit_is_right =
      std::any_of(expect.exit.begin(), expect.exit.end(),
                  [&](const ExitCheck& check) { return exit_fits(check, *outcome.status); });
  if (!exit_is_right) return outcome.status->describe();
  if (std::string wrong = check_text(expect.out, outcome.out); !wrong.empty()) {
    return "stdout that " + wrong;
  }
  if (std::string wrong = check_text(expect.err, outcome.err); !wrong.empty()) {
    return "stderr that " + wrong;
  }
  if (time.at_least && outcome.took < *time.at_least) {
    return fmt::format("{} after only {}", outcome.status->describe(), show_time(outcome.took));
  }
  return "";
}

}  // namespace

CommandOutcome run_command(const Command& command, const Variables& variables,
                           const CommandPlace& place, const Deadline& deadline,
                           const Interrupt& interrupt) {
  const nbd::Fd out = create_file(place.out_path);
  const nbd::Fd err = create_file(place.err_path);
  nbd::SpawnOptions options;
  // The shell sees the variables in its environment, with its own quoting rules.
  options.argv = command.argv.empty() ? std::vector<std::string>{"/bin/sh", "-c", command.shell}
                                      : expand(command.argv, variables);
  for (const auto& [name, value] : variables) options.env.push_back(name + "=" + value);
  for (const auto& [name, value] : command.env) {
    options.env.push_back(name + "=" + expand(value, variables));
  }
  options.directory = place.directory;
  options.stdout_fd = out.get();
  options.stderr_fd = err.get();
  options.own_group = true;
  options.parent_death_signal = SIGKILL;

  CommandOutcome outcome;
  const auto start = Clock::now();
  nbd::Child child = nbd::spawn(options);
  pollfd ended{child.pidfd(), POLLIN, 0};
  outcome.stopped_by = wait_any({&ended, 1}, deadline, interrupt);
  outcome.took = Clock::now() - start;
  if (outcome.stopped_by == Wake::ready) outcome.status = child.wait();
  if (outcome.stopped_by == Wake::timeout) {
    outcome.stacks = stacks_of_group(child.pid(), place.out_path + ".stacks");
  }
  child.kill_group(SIGKILL);  // also what a shell has left behind
  outcome.out = read_file(place.out_path, kMaxOutput);
  outcome.err = read_file(place.err_path, kMaxOutput);
  return outcome;
}

std::string show_command(const Command& command) {
  std::string out;
  for (const std::string& word : command.argv) {
    // $uri and the like stay as they are: quoted they would not be read as names.
    const bool plain =
        !word.empty() && word.find_first_of(" \t\n'\"\\*?;&|<>()") == std::string::npos;
    out += (out.empty() ? "" : " ") + (plain ? word : nbd::shell_quote(word));
  }
  return command.argv.empty() ? command.shell : out;
}

Action judge_command(std::string what, const Command& command, const CommandOutcome& outcome,
                     const TimeCheck& time) {
  Action action;
  action.what = std::move(what);
  action.expected = describe(command.expect, time);
  action.took = outcome.took;
  action.happened = find_fault(command.expect, time, outcome);
  action.passed = action.happened.empty();
  if (action.passed) {
    action.happened = outcome.status->success() ? "success" : outcome.status->describe();
    return action;
  }
  for (const std::string& line : last_lines(outcome.err, kShownLines)) {
    action.details.push_back("stderr  " + line);
  }
  if (action.details.empty()) {
    for (const std::string& line : last_lines(outcome.out, kShownLines)) {
      action.details.push_back("stdout  " + line);
    }
  }
  action.details.insert(action.details.end(), outcome.stacks.begin(), outcome.stacks.end());
  return action;
}

}  // namespace testkit
