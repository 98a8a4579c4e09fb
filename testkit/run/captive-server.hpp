// SPDX-License-Identifier: BSD-3-Clause
//
// A server of the cell's own: started on a private address, watched, stopped.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/process.hpp"
#include "net/endpoint.hpp"
#include "net/wait.hpp"
#include "scenario/substitute.hpp"

namespace testkit {

// Of a server's log, in what is said of its end.
inline constexpr size_t kShownLogLines = 5;

struct ServerPlace {
  std::string nbdkit;              // the program
  std::string socket_path;         // for transport unix
  std::string directory;           // where it runs
  std::string log_path;            // takes its stdout and stderr
  std::string pid_path;            // our nbdkit writes it once it listens, where we cannot see that
  std::string host = "127.0.0.1";  // for tcp
  std::vector<std::string> wrapper;  // what starts it in a network of its own, where `host` is
};

class CaptiveServer {
 public:
  // Returns when it listens. Throws an Error if it does not within the
  // deadline, or ends before.
  static CaptiveServer start(const Server& server, Transport transport, const ServerPlace& place,
                             const Variables& variables, const Deadline& deadline,
                             const Interrupt& interrupt);

  const Endpoint& endpoint() const { return endpoint_; }
  const std::string& export_name() const { return export_name_; }
  std::string command_line() const { return nbd::shell_quote(argv_); }
  // Also of its process group.
  pid_t pid() const { return child_.pid(); }
  void signal(int number) noexcept { child_.kill_group(number); }
  // False if it goes on until the deadline, or the interrupt.
  bool wait_until_ended(const Deadline& deadline, const Interrupt& interrupt);
  // Again at its address, once it has ended; throws as start() does.
  void restart(const Server& server, const ServerPlace& place, const Variables& variables,
               const Deadline& deadline, const Interrupt& interrupt);
  // Asks it to end and, after a while, makes it. Nothing if it ended well; one
  // that was gone before it was asked did so if it may have ended on its own.
  std::string stop(bool may_have_ended);
  std::vector<std::string> last_log_lines(size_t count) const;

 private:
  CaptiveServer() = default;
  // How it ended, if it has.
  std::optional<nbd::ExitStatus> ended();
  void launch(const Server& server, const ServerPlace& place, const Variables& variables);
  [[noreturn]] void fail_to_listen() const;
  bool is_ready() const;
  bool wait_until_listening(const Deadline& deadline, const Interrupt& interrupt);

  Endpoint endpoint_;
  std::string export_name_;
  std::string log_path_;
  std::string ready_path_;  // empty: is_listening() tells
  std::vector<std::string> argv_;
  nbd::Child child_;
};

// $uri, $unixsocket, $port and $exportname of an address.
Variables address_variables(const Endpoint& endpoint, const std::string& export_name);

// The command line of `server` at `endpoint`.
std::vector<std::string> server_argv(const Server& server, const Endpoint& endpoint,
                                     const std::string& nbdkit, const Variables& variables);

}  // namespace testkit
