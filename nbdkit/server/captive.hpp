// SPDX-License-Identifier: BSD-3-Clause
#pragma once

#include <string>

#include "base/process.hpp"
#include "server/endpoint.hpp"

namespace nbdkit {

// Starts the command of --run under /bin/sh with $uri, $nbd, $port, $unixsocket,
// $exportname, $tls, $tls_certificates and $tls_psk set (as shell variables, not
// in its environment). stdin and stdout are those that we were started with.
nbd::Child start_command(const std::string& command, const Endpoint& endpoint,
                         const std::string& export_name, const nbd::Fd& stdin_fd,
                         const nbd::Fd& stdout_fd);

}  // namespace nbdkit
