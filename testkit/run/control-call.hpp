// SPDX-License-Identifier: BSD-3-Clause
//
// One line to the control socket of a filter (docs of nbdkit-faults), and the
// line that comes back.
#pragma once

#include <string>

#include "net/wait.hpp"
#include "run/nbd-session.hpp"

namespace testkit {

// An answer that is not {"ok": true ...} is an error whose message it is.
Outcome call_control(const std::string& socket_path, const std::string& line,
                     const Deadline& deadline, const Interrupt& interrupt);

}  // namespace testkit
