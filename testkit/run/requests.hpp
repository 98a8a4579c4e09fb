// SPDX-License-Identifier: BSD-3-Clause
//
// What the clients of a cell have really asked for: from the trace of the proxy, or from the
// lines of JSON that the server's log filter writes (nbdkit-log-filter(1)).
#pragma once

#include <string>
#include <vector>

#include "proxy/trace.hpp"
#include "run/result.hpp"

namespace testkit {

struct SeenRequest {
  std::string command;  // "write_zeroes": the words of RequestCheck
  uint64_t offset = 0, length = 0;
  std::vector<std::string> flags;
};

// Throws an Error if the file cannot be read, or has a line that is none of the log filter's.
std::vector<SeenRequest> requests_in_log(const std::string& path);
std::vector<SeenRequest> requests_in_trace(const std::vector<proxy::TraceEvent>& events);

Action judge_requests(const RequestCheck& check, const std::vector<SeenRequest>& seen);

}  // namespace testkit
