// SPDX-License-Identifier: BSD-3-Clause
//
// The report for a person: a block for each cell, how far the run is, and totals.
#pragma once

#include <cstdio>
#include <string>

#include "report/progress.hpp"
#include "report/report.hpp"

namespace testkit {

// All that was done in a cell. Like the next, lines that each end with a newline.
std::string cell_block(const RunReport& report, const Job& job, const CellResult& result,
                       bool colour);

// Of a cell that failed, in a few lines: what was expected, what came, the wire around it,
// and the command that does it again.
std::string failure_block(const RunReport& report, const Job& job, const CellResult& result,
                          bool colour);

// Prints blocks in the order of the plan, whatever the order in which cells
// end: a cell that is early waits for those before it.
//
// Threads: none; the caller has a lock (see run_jobs()).
class Console {
 public:
  struct Style {
    bool colour = false;
    bool quiet = false;     // only what failed, and the totals
    bool terminal = false;  // then the progress is a line that stays below
  };
  Console(const RunReport& report, std::FILE* out, Style style)
      : report_(report), out_(out), style_(style), progress_(out, style.terminal) {}

  void start(size_t scenarios);
  // Results of the report up to `index` and this one may be there now.
  void cell_done(size_t index);
  void finish(const std::vector<std::string>& written_reports);

 private:
  void print(const std::string& text);
  void print_cell(size_t index);

  const RunReport& report_;
  std::FILE* out_;
  Style style_;
  Progress progress_;
  std::vector<bool> done_;
  size_t printed_ = 0;
};

}  // namespace testkit
