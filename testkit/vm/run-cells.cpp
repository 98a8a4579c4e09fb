// SPDX-License-Identifier: BSD-3-Clause
//
// The end of run_cells_in_guest() that is in the guest.
//
// Threads: the workers of run_jobs(); the lines that they write are written under one lock.
#include <cstdio>
#include <fstream>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "scenario/load.hpp"
#include "vm/cells.hpp"
#include "vm/result-line.hpp"

namespace testkit::vm {

namespace {

struct Assignment {
  std::map<std::string, ScenarioFile> files;
  std::vector<Job> jobs;
  std::vector<size_t> indices;  // of the jobs, outside
};

Assignment read_cells(const nlohmann::json& list) {
  Assignment out;
  const uint64_t seed = list.at("seed").get<uint64_t>();
  for (const auto& cell : list.at("cells")) {
    const std::string path = cell.at("file");
    auto found = out.files.find(path);
    if (found == out.files.end()) {
      Loaded loaded = load_scenarios({path}, seed);
      if (!loaded.problems.empty()) nbd::fail("{}", loaded.problems[0].text());
      found = out.files.emplace(path, std::move(loaded.files.at(0))).first;
    }
    const ScenarioFile& file = found->second;
    out.jobs.push_back({&file, &file.cells.at(cell.at("cell").get<size_t>() - 1)});
    out.indices.push_back(cell.at("index").get<size_t>());
  }
  return out;
}

}  // namespace

int run_cells(const std::string& file) {
  std::ifstream in(file);
  if (!in) nbd::fail_errno(errno, "cannot read {}", file);
  const auto list = nlohmann::json::parse(in);
  const Assignment assignment = read_cells(list);
  const RunOptions options{list.at("nbdkit"), Duration(list.at("timeout").get<int64_t>()),
                           list.at("keep_logs"), list.at("retries").get<unsigned>(),
                           list.at("trace").get<bool>()};
  std::mutex writing;
  const auto write = [&](ResultLine line) {
    const std::string text = to_line(line);
    const std::lock_guard lock(writing);
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  };
  Interrupt interrupt;
  const SignalWatch watch(interrupt);
  run_jobs(
      assignment.jobs, list.at("workers").get<unsigned>(), options, interrupt,
      [&](size_t i, CellResult result) { write({assignment.indices[i], std::move(result)}); },
      [&](size_t i) { write({assignment.indices[i], std::nullopt}); });
  return 0;
}

}  // namespace testkit::vm
