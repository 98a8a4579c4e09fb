// SPDX-License-Identifier: BSD-3-Clause
#include "server/captive.hpp"

#include <poll.h>
#include <signal.h>

#include "base/error.hpp"
#include "base/process-tree.hpp"
#include "server/signals.hpp"

namespace nbdkit {

using namespace std::chrono_literals;

void Command::start(const StandardStreams& streams) {
  const std::string uri = uri_of(endpoint_, options_.export_name);
  const std::string port = endpoint_.port != 0 ? std::to_string(endpoint_.port) : "";
  const std::string tls = endpoint_.tls == TlsMode::require ? "2"
                          : endpoint_.tls == TlsMode::on    ? "1"
                                                            : "";
  const auto assign = [](std::string_view name, std::string_view value) {
    return fmt::format("{}={}\n", name, nbd::shell_quote(value));
  };
  const std::string script = assign("uri", uri) + assign("nbd", uri) + assign("port", port) +
                             assign("unixsocket", endpoint_.unix_socket) +
                             assign("exportname", options_.export_name) + assign("tls", tls) +
                             assign("tls_certificates", endpoint_.tls_certificates) +
                             assign("tls_psk", endpoint_.tls_psk) + options_.run;
  child_ = nbd::spawn({.argv = {"/bin/sh", "-c", script},
                       .stdin_fd = streams.in.get(),
                       .stdout_fd = streams.out.get(),
                       // should we crash, it does not go on without a server
                       .parent_death_signal = SIGTERM});
}

int Command::finish(std::chrono::milliseconds grace) {
  if (!started()) return 0;
  pollfd fds[2] = {{child_.pidfd(), POLLIN, 0}, {signal_event(), POLLIN, 0}};
  nbd::sys([&] { return ::poll(fds, 2, -1); }, "poll");
  if (fds[0].revents == 0) end(grace);
  return child_.wait().shell_code();
}

void Command::end(std::chrono::milliseconds grace) {
  nbd::signal_process_tree(child_.pid(), SIGTERM);
  if (!child_.wait_for(grace)) nbd::signal_process_tree(child_.pid(), SIGKILL);
}

}  // namespace nbdkit
