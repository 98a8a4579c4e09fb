// SPDX-License-Identifier: BSD-3-Clause
//
// testkit: finds the bugs in an NBD client. The command line; commands.cpp does
// the work.
#include <CLI/CLI.hpp>
#include <exception>

#include "base/log.hpp"
#include "commands.hpp"

namespace {

void add_run_options(CLI::App& run, testkit::RunSettings& settings) {
  run.add_option("PATH", settings.paths, "scenario files, or folders of them")->required();
  run.add_option("-j,--jobs", settings.jobs, "cells to run at a time (default 1)")
      ->check(CLI::Range(1, 1024));
  run.add_option("--transport", settings.transports, "only these: tcp, unix")
      ->delimiter(',')
      ->check(CLI::IsMember({"tcp", "unix"}));
  run.add_option("--filter", settings.filter, "only scenarios whose id or name matches GLOB")
      ->type_name("GLOB");
  run.add_option("--tag", settings.tags, "only scenarios with one of these tags")->delimiter(',');
  run.add_option("--cell", settings.cell, "only the cell of this number")
      ->check(CLI::PositiveNumber);
  run.add_option("--seed", settings.seed, "repeat the random choices of an earlier run");
  run.add_option("--timeout", settings.timeout,
                 "limit of a cell without one of its own (default 60s)")
      ->type_name("TIME");
  run.add_option("--nbdkit", settings.nbdkit, "the server to test against (also $TESTKIT_NBDKIT)")
      ->type_name("PROGRAM");
  run.add_option("--junit", settings.junit, "write a JUnit XML report")->type_name("FILE");
  run.add_option("--json", settings.json, "write a JSON report")->type_name("FILE");
  run.add_option("--keep-logs", settings.keep_logs, "keep logs and outputs in this folder")
      ->type_name("DIR");
  run.add_flag("--list", settings.list, "list the cells, run nothing");
  run.add_flag("-q,--quiet", settings.quiet, "print only what failed, and the totals");
}

int run(int argc, char** argv) {
  CLI::App app(
      "testkit: finds the bugs in an NBD client by running scenarios against captive servers");
  app.require_subcommand(1);
  app.set_version_flag("--version", "testkit " TESTKIT_VERSION);

  testkit::RunSettings settings;
  CLI::App* run_command = app.add_subcommand("run", "run scenarios");
  add_run_options(*run_command, settings);

  std::vector<std::string> paths;
  CLI::App* check_command = app.add_subcommand("check", "look for mistakes in scenario files");
  check_command->add_option("PATH", paths, "scenario files, or folders of them")->required();

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? testkit::kExitPass : testkit::kExitUsage;
  }
  return run_command->parsed() ? testkit::run_scenarios(settings) : testkit::check_scenarios(paths);
}

}  // namespace

int main(int argc, char** argv) {
  nbd::log::set_program("testkit");
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    nbd::log::error(std::string_view(error.what()));
    return testkit::kExitUsage;
  }
}
