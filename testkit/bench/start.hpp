// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "bench/measure.hpp"

namespace testkit::bench {

// Starts a server again and again. The latency of a start is the time from before its
// process is made to when it has greeted a client; a request is that, and its end
// by SIGTERM. Its CPU time is all that it ever used.
// command: a shell's, with $unixsocket. Throws an Error if it ends instead.
Round measure_start(const std::string& command, const RoundOptions& options,
                    const Interrupt& interrupt);

}  // namespace testkit::bench
