// SPDX-License-Identifier: BSD-3-Clause
//
// The report for a person: a block for each cell, and totals.
#pragma once

#include <cstdio>
#include <string>

#include "report/report.hpp"

namespace testkit {

struct BlockStyle {
  bool colour = false;
  bool faults_only = false;  // of what was done, only what went wrong and the server
};

// The lines of one cell, each ended by a newline.
std::string console_block(const RunReport& report, const Job& job, const CellResult& result,
                          BlockStyle style);

// Prints blocks in the order of the plan, whatever the order in which cells
// end: a cell that is early waits for those before it.
//
// Threads: none; the caller has a lock (see run_jobs()).
class Console {
 public:
  struct Style {
    bool colour = false;
    bool quiet = false;  // only what failed, and the totals
  };
  Console(const RunReport& report, std::FILE* out, Style style)
      : report_(report), out_(out), style_(style) {}

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
  std::vector<bool> done_;
  size_t printed_ = 0;
};

}  // namespace testkit
