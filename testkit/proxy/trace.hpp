// SPDX-License-Identifier: BSD-3-Clause
//
// What went over the wire and what was done to it: kept for the reports, and written to
// a file as JSON lines if one is given. The keys are in docs/wire-faults.md.
//
// Threads: any.
#pragma once

#include <cstdio>
#include <memory>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "net/wait.hpp"
#include "proxy/message.hpp"

namespace testkit::proxy {

struct TraceFault {
  size_t rule = 0;   // its number, from 0
  std::string note;  // "disconnect RST"
};

struct TraceEvent {
  Duration time{};  // since the proxy began
  uint64_t connection = 0;
  // A message, or else the words of what happened: "connected", "closed by the client".
  std::optional<Place> place;
  bool from_client = false;
  std::string text;
  uint64_t bytes = 0;
  nbd::wire::Request request{};  // request, reply
  std::vector<TraceFault> faults;

  // "   12.403 ms  1 S>C  data to NBD_CMD_READ cookie 2 4096+4096   <- disconnect RST"
  std::string line() const;
};

// As docs/wire-faults.md has it.
nlohmann::ordered_json to_json(const TraceEvent& event);

class Trace {
 public:
  // More than a person reads; what comes later is in the file only.
  static constexpr size_t kMostKept = 200000;

  // path: empty for no file. Throws an Error if it cannot be written.
  explicit Trace(const std::string& path);

  void add(TraceEvent event);
  std::vector<TraceEvent> events() const;
  Clock::time_point start() const { return start_; }

 private:
  struct Closer {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  const Clock::time_point start_ = Clock::now();
  mutable std::mutex mutex_;
  std::unique_ptr<std::FILE, Closer> file_;
  std::vector<TraceEvent> events_;
};

}  // namespace testkit::proxy
