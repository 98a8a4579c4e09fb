// SPDX-License-Identifier: BSD-3-Clause
#include "commands.hpp"

#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <random>

#include "base/error.hpp"
#include "base/parse.hpp"
#include "base/process.hpp"
#include "report/console.hpp"
#include "report/html.hpp"
#include "report/json.hpp"
#include "report/junit.hpp"
#include "report/tap.hpp"
#include "run/kernel.hpp"
#include "run/round.hpp"
#include "scenario/load.hpp"
#include "vm/cells.hpp"

namespace testkit {

namespace {

// For those with another working directory; a mere name is looked up in PATH.
std::string from_anywhere(const std::string& program) {
  if (program.find('/') == std::string::npos) return program;
  if (::access(program.c_str(), X_OK) == -1) nbd::fail_errno(errno, "the server {}", program);
  return std::filesystem::absolute(program).lexically_normal().string();
}

// --nbdkit, else $TESTKIT_NBDKIT, else the one built with this program, else PATH.
std::string find_nbdkit(const std::string& given) {
  if (!given.empty()) return from_anywhere(given);
  if (const char* env = std::getenv("TESTKIT_NBDKIT"); env != nullptr && *env != '\0') {
    return from_anywhere(env);
  }
  const std::string sibling = nbd::executable_directory() + "/nbdkit";
  return ::access(sibling.c_str(), X_OK) == 0 ? sibling : "nbdkit";
}

// A seed that a person can type.
uint64_t random_seed() { return std::random_device{}(); }

// The whole set, or nothing and the problems on stderr.
std::optional<std::vector<ScenarioFile>> load_or_complain(const std::vector<std::string>& paths,
                                                          uint64_t seed) {
  Loaded loaded = load_scenarios(paths, seed);
  for (const Problem& problem : loaded.problems) fmt::print(stderr, "{}\n", problem.text());
  if (loaded.problems.empty()) return std::move(loaded.files);
  fmt::print(stderr, "testkit: {} problem{} in the scenario files\n", loaded.problems.size(),
             loaded.problems.size() == 1 ? "" : "s");
  return std::nullopt;
}

bool contains(const std::vector<std::string>& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

// The glob is held against the id, the name, and the id with the cell's label.
bool filter_fits(const std::string& glob, const ScenarioFile& file, const Cell& cell) {
  const auto fits = [&](const std::string& text) {
    return ::fnmatch(glob.c_str(), text.c_str(), 0) == 0;
  };
  return glob.empty() || fits(file.id) || fits(file.name) ||
         fits(fmt::format("{} [{}]", file.id, cell.label));
}

bool selected(const RunSettings& settings, const ScenarioFile& file, const Cell& cell) {
  if (settings.cell != 0 && cell.number != settings.cell) return false;
  if (!settings.transports.empty() &&
      !contains(settings.transports, transport_name(cell.transport))) {
    return false;
  }
  if (settings.guest == "only" && !asks_of_kernel(cell)) return false;
  if (settings.guest == "without" && asks_of_kernel(cell)) return false;
  const bool tagged = settings.tags.empty() ||
                      std::any_of(file.tags.begin(), file.tags.end(), [&](const std::string& tag) {
                        return contains(settings.tags, tag);
                      });
  return tagged && filter_fits(settings.filter, file, cell);
}

struct Shard {
  uint64_t number = 1, count = 1;
};

Shard parse_shard(const std::string& text) {
  if (text.empty()) return {};
  const size_t slash = text.find('/');
  constexpr int64_t kMost = 10000;
  if (slash == std::string::npos) {
    nbd::fail("--shard: expected K/N, such as 1/3, got \"{}\"", text);
  }
  Shard shard;
  shard.count = static_cast<uint64_t>(nbd::parse_int("--shard", text.substr(slash + 1), 1, kMost));
  shard.number = static_cast<uint64_t>(
      nbd::parse_int("--shard", text.substr(0, slash), 1, static_cast<int64_t>(shard.count)));
  return shard;
}

std::vector<Job> plan(const RunSettings& settings, const std::vector<ScenarioFile>& files) {
  std::vector<Job> jobs;
  const Shard shard = parse_shard(settings.shard);
  uint64_t index = 0;
  for (const ScenarioFile& file : files) {
    for (const Cell& cell : file.cells) {
      if (!selected(settings, file, cell)) continue;
      if (index++ % shard.count + 1 == shard.number) jobs.push_back({&file, &cell});
    }
  }
  return jobs;
}

size_t count_files(const std::vector<Job>& jobs) {
  size_t count = 0;
  const ScenarioFile* last = nullptr;
  for (const Job& job : jobs) count += std::exchange(last, job.file) != job.file ? 1 : 0;
  return count;
}

void print_list(const std::vector<Job>& jobs) {
  const ScenarioFile* last = nullptr;
  for (const Job& job : jobs) {
    if (std::exchange(last, job.file) != job.file) {
      fmt::print("{}: {}\n", job.file->id, job.file->name);
    }
    fmt::print("  {} [{}]\n", job.cell->number, job.cell->label);
  }
}

Console::Style console_style(bool quiet) {
  const auto is_set = [](const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
  };
  const char* term = std::getenv("TERM");
  const bool terminal =
      ::isatty(STDOUT_FILENO) == 1 && std::string_view(term != nullptr ? term : "dumb") != "dumb";
  return {terminal && !is_set("NO_COLOR"), quiet, terminal};  // https://no-color.org
}

void write_file(const std::string& path, const std::string& text) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << text;
  out.close();
  if (!out) nbd::fail_errno(errno, "cannot write {}", path);
}

std::vector<std::string> write_reports(const RunSettings& settings, const RunReport& report) {
  std::vector<std::string> written;
  const auto write = [&](const std::string& path, std::string (*make)(const RunReport&)) {
    if (path.empty()) return;
    write_file(path, make(report));
    written.push_back(path);
  };
  write(settings.junit, junit_xml);
  write(settings.tap, tap_report);
  write(settings.json, json_report);
  write(settings.html, html_report);
  return written;
}

bool wants_guest(const RunSettings& settings, const Job& job) {
  if (settings.guest == "never" || settings.guest == "without") return false;
  return settings.guest == "all" || !missing_in_kernel(*job.cell).empty();
}

// Threads: the guest's cells are waited for in a thread of their own beside the workers of those
// that run here; done() is called under one lock.
void run_here_and_in_guest(const RunSettings& settings, const RunReport& report,
                           const RunOptions& options, const Interrupt& interrupt,
                           const std::function<void(size_t, CellResult)>& done) {
  std::vector<Job> here;
  std::vector<size_t> here_indices, guest_indices;
  vm::CellsInGuest guest{{}, settings.jobs, report.seed};
  for (size_t i = 0; i < report.jobs.size(); ++i) {
    const bool there = wants_guest(settings, report.jobs[i]);
    (there ? guest.jobs : here).push_back(report.jobs[i]);
    (there ? guest_indices : here_indices).push_back(i);
  }
  std::mutex one_at_a_time;
  const auto done_with = [&](const std::vector<size_t>& indices) {
    return [&](size_t i, CellResult result) {
      const std::lock_guard lock(one_at_a_time);
      done(indices[i], std::move(result));
    };
  };
  std::jthread in_guest;
  if (!guest.jobs.empty()) {
    in_guest = std::jthread(
        [&] { vm::run_cells_in_guest(guest, options, interrupt, done_with(guest_indices)); });
  }
  run_jobs(here, settings.jobs, options, interrupt, done_with(here_indices));
}

}  // namespace

int check_scenarios(const std::vector<std::string>& paths) {
  const auto files = load_or_complain(paths, 0);
  if (!files) return kExitUsage;
  size_t cells = 0;
  for (const ScenarioFile& file : *files) cells += file.cells.size();
  fmt::print("{} scenarios, {} cells: no problems\n", files->size(), cells);
  return kExitPass;
}

int serve_scenario(const ServeSettings& settings) {
  const uint64_t seed = settings.seed.value_or(random_seed());
  const RunOptions options{find_nbdkit(settings.nbdkit), {}, settings.keep_logs, 0};
  const auto files = load_or_complain({settings.path}, seed);
  if (!files) return kExitUsage;
  if (files->size() != 1)
    nbd::fail("serve: {} has {} scenarios, give one", settings.path, files->size());
  RunSettings choice;
  choice.cell = settings.cell;
  if (!settings.transport.empty()) choice.transports = {settings.transport};
  const std::vector<Job> jobs = plan(choice, *files);
  if (jobs.empty()) nbd::fail("no cell of the scenario fits the options");
  const Cell& cell = *jobs[0].cell;
  if (const std::string missing = missing_need(cell.scenario.needs); !missing.empty()) {
    fmt::print(stderr, "testkit: warning: the scenario's client {}\n", missing);
  }
  Interrupt interrupt;
  const SignalWatch watch(interrupt);
  const RoundOutcome outcome =
      serve_round(files->front(), cell, options, interrupt, [&](const Served& served) {
        fmt::print("cell {} [{}] of {}, seed {}\nfolder {}\nuri {}\n", cell.number, cell.label,
                   files->front().id, seed, served.directory, served.uri);
        std::fflush(stdout);
      });
  for (const Action& action : outcome.actions) {
    const bool is_news = !action.passed || action.what.starts_with("wire fault");
    if (action.passed && is_news) fmt::print("{}: {}\n", action.what, action.happened);
    if (!action.passed) fmt::print("{}\n", one_line(action));
    for (const std::string& line : action.details) fmt::print("  {}\n", line);
  }
  return outcome.passed() ? kExitPass : kExitFailed;
}

int run_scenarios(const RunSettings& settings) {
  RunReport report;
  report.seed = settings.seed.value_or(random_seed());
  const RunOptions options{find_nbdkit(settings.nbdkit),
                           nbd::parse_delay("--timeout", settings.timeout), settings.keep_logs,
                           settings.retries, settings.trace};
  report.nbdkit = options.nbdkit;
  report.nbdkit_was_given = !settings.nbdkit.empty();
  report.trace = settings.trace;
  const auto files = load_or_complain(settings.paths, report.seed);
  if (!files) return kExitUsage;
  report.jobs = plan(settings, *files);
  if (report.jobs.empty()) nbd::fail("no cell of these scenarios fits the options");
  if (settings.list) {
    print_list(report.jobs);
    return kExitPass;
  }

  report.results.resize(report.jobs.size());
  Console console(report, stdout, console_style(settings.quiet));
  console.start(count_files(report.jobs));
  const auto start = Clock::now();
  Interrupt interrupt;
  {
    const SignalWatch watch(interrupt);
    run_here_and_in_guest(settings, report, options, interrupt,
                          [&](size_t index, CellResult result) {
                            report.results[index] = std::move(result);
                            console.cell_done(index);
                          });
  }
  report.took = Clock::now() - start;
  console.finish(write_reports(settings, report));
  if (interrupt.requested()) return 128 + interrupt.signal();
  return report.totals().failed == 0 ? kExitPass : kExitFailed;
}

}  // namespace testkit
