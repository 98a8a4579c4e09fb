// SPDX-License-Identifier: BSD-3-Clause
//
// All cells of a run, several at a time, and the signals that end it early.
#pragma once

#include <functional>
#include <thread>
#include <vector>

#include "run/cell.hpp"

namespace testkit {

struct Job {
  const ScenarioFile* file;
  const Cell* cell;
};

// Runs every job once, `workers` at a time. done(index, result) is called for
// each, from any worker, one call at a time; begin(index) before each, several calls at a time.
void run_jobs(const std::vector<Job>& jobs, unsigned workers, const RunOptions& options,
              const Interrupt& interrupt, const std::function<void(size_t, CellResult)>& done,
              const std::function<void(size_t)>& begin = {});

// While this lives, SIGINT, SIGTERM and SIGHUP request the interrupt instead of
// ending the process, so that servers and folders are cleared away.
//
// Threads: made before any other thread, which inherit the blocked signals;
// one thread of its own waits for them.
class SignalWatch {
 public:
  explicit SignalWatch(Interrupt& interrupt);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

 private:
  void watch() noexcept;

  Interrupt& interrupt_;
  nbd::Fd signals_, stop_;
  std::jthread thread_;
};

}  // namespace testkit
