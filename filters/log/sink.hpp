// SPDX-License-Identifier: BSD-3-Clause
//
// Where the log goes: a file, a script, both or nowhere.
//
// Threads: any, after open().
#pragma once

#include <mutex>
#include <string>

#include <nbdkit/error.hpp>

#include "base/fd.hpp"
#include "log/line.hpp"

namespace nbd::filters {

class LogSink {
 public:
  // Throws an Error that names the file. Empty: none.
  void open(const std::string& file, bool append, const std::string& script);
  bool waits() const { return !script_.empty(); }

  void print(const Line& line) { write("PRINT", line, kOk); }
  void enter(const Line& line) { write("ENTER", line, kOk); }
  void leave(const Line& line, Status status) { write("LEAVE", line, status); }

 private:
  void write(std::string_view type, const Line& line, Status status);
  void write_line(std::string_view type, const Line& line, Status status) const;
  void run_script(std::string_view type, const Line& line, Status status);

  Fd file_;
  std::string script_;
  std::mutex one_script_;
};

}  // namespace nbd::filters
