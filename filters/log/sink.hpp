// SPDX-License-Identifier: BSD-3-Clause
//
// Where the log goes: a file, a script, both or nowhere.
//
// A file has lines of text, two for what takes time, or lines of JSON, one object
// for each, with how long it took.
//
// Threads: any, after open().
#pragma once

#include <mutex>
#include <string>

#include <chrono>
#include <nbdkit/disk.hpp>

#include "base/fd.hpp"
#include "log/line.hpp"

namespace nbd::filters {

class LogSink {
 public:
  // Throws an Error that names the file. Empty: none.
  void open(const std::string& file, bool append, const std::string& script, bool json);
  bool waits() const { return !script_.empty(); }
  bool wants_requests() const { return file_ && json_; }

  void print(const Line& line) { write("PRINT", line, kOk); }
  void enter(const Line& line) { write("ENTER", line, kOk); }
  void leave(const Line& line, Status status) { write("LEAVE", line, status); }

  // For JSON: a request that is done. extents: nullptr if it was not asked for any.
  struct Done {
    uint64_t connection, id;
    std::chrono::system_clock::time_point began;
    std::chrono::nanoseconds took;
  };
  void request(const Announcement& request, const Done& done, Status status,
               const Extents* extents) const;

 private:
  void write(std::string_view type, const Line& line, Status status);
  void write_line(std::string_view type, const Line& line, Status status) const;
  void write_event(std::string_view type, const Line& line, Status status) const;
  void put(std::string text) const;
  void run_script(std::string_view type, const Line& line, Status status);

  Fd file_;
  bool json_ = false;
  std::string script_;
  std::mutex one_script_;
};

}  // namespace nbd::filters
