// SPDX-License-Identifier: BSD-3-Clause
#include "server/captive.hpp"

#include <signal.h>

#include "base/error.hpp"

namespace nbdkit {

nbd::Child start_command(const std::string& command, const Endpoint& endpoint,
                         const std::string& export_name, const nbd::Fd& stdin_fd,
                         const nbd::Fd& stdout_fd) {
  const std::string uri = uri_of(endpoint, export_name);
  const std::string port = endpoint.port != 0 ? std::to_string(endpoint.port) : "";
  const std::string tls = endpoint.tls == TlsMode::require ? "2"
                          : endpoint.tls == TlsMode::on    ? "1"
                                                           : "";
  const auto assign = [](std::string_view name, std::string_view value) {
    return fmt::format("{}={}\n", name, nbd::shell_quote(value));
  };
  const std::string script = assign("uri", uri) + assign("nbd", uri) + assign("port", port) +
                             assign("unixsocket", endpoint.unix_socket) +
                             assign("exportname", export_name) + assign("tls", tls) +
                             assign("tls_certificates", endpoint.tls_certificates) +
                             assign("tls_psk", endpoint.tls_psk) + command;
  return nbd::spawn({.argv = {"/bin/sh", "-c", script},
                     .stdin_fd = stdin_fd.get(),
                     .stdout_fd = stdout_fd.get(),
                     // should we crash, it does not go on without a server
                     .parent_death_signal = SIGTERM});
}

}  // namespace nbdkit
