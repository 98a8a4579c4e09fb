// SPDX-License-Identifier: BSD-3-Clause
#include "run/captive-server.hpp"

#include <signal.h>
#include <unistd.h>

#include "base/error.hpp"
#include "run/files.hpp"
#include "run/text-check.hpp"

namespace testkit {

namespace {

using namespace std::chrono_literals;

constexpr int kPortAttempts = 5;
// Where nobody else is.
constexpr uint32_t kOwnPort = 10809;
// A server has this long to listen, unless the cell's own time is shorter.
constexpr auto kStartTime = 20s;
// ... and to end after SIGTERM, with its requests in flight.
constexpr auto kStopTime = 5s;
constexpr size_t kMaxLog = 4u << 20;

Variables joined(Variables a, const Variables& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace

Variables address_variables(const Endpoint& endpoint, const std::string& export_name) {
  const bool on_path = endpoint.transport == Transport::unix_socket;
  return {{"uri", endpoint.uri(export_name)},
          {"unixsocket", on_path ? endpoint.path : ""},
          {"port", on_path ? "" : std::to_string(endpoint.port)},
          {"exportname", export_name}};
}

std::vector<std::string> server_argv(const Server& server, const Endpoint& endpoint,
                                     const std::string& nbdkit, const Variables& variables) {
  if (!server.command.empty()) {
    return expand(server.command,
                  joined(address_variables(endpoint, server.export_name), variables));
  }
  std::vector<std::string> argv{nbdkit, "-f"};
  const auto add = [&](std::initializer_list<std::string> words) {
    argv.insert(argv.end(), words);
  };
  const auto add_parameters = [&](const std::vector<Parameter>& parameters) {
    for (const auto& [key, value] : parameters) add({key + "=" + expand(value, variables)});
  };
  if (endpoint.transport == Transport::tcp) {
    add({"-i", endpoint.host, "-p", std::to_string(endpoint.port)});
  } else if (endpoint.transport == Transport::vsock) {
    add({"--vsock", "-p", std::to_string(endpoint.port)});
  } else {
    add({"-U", endpoint.path});
  }
  if (!server.export_name.empty()) add({"-e", server.export_name});
  if (server.threads != 0) add({"-t", std::to_string(server.threads)});
  for (const std::string& option : server.options) add({expand(option, variables)});
  for (const Filter& filter : server.filters) add({"--filter=" + filter.name});
  add({server.plugin});
  add_parameters(server.parameters);
  for (const Filter& filter : server.filters) add_parameters(filter.parameters);
  return argv;
}

namespace {

// As the first process of a mount namespace, in which a file system with little
// room stands at $dir/disk: it goes with the process, whatever ends that.
std::vector<std::string> on_small_disk(const Server::SmallDisk& disk, const std::string& directory,
                                       const std::vector<std::string>& argv) {
  constexpr const char* kScript =
      "mkdir -p \"$1\" && mount -t tmpfs -o \"size=$2\" testkit \"$1\" && "
      "truncate -s \"$3\" \"$1/$4\" && shift 4 && exec \"$@\"";
  std::vector<std::string> out{"unshare", "--mount"};
  if (::geteuid() != 0) out.emplace_back("--map-root-user");
  for (std::string word :
       {std::string("/bin/sh"), std::string("-c"), std::string(kScript), std::string("sh"),
        directory + "/disk", std::to_string(disk.room), std::to_string(disk.size), disk.file}) {
    out.push_back(std::move(word));
  }
  out.insert(out.end(), argv.begin(), argv.end());
  return out;
}

}  // namespace

void CaptiveServer::launch(const Server& server, const ServerPlace& place,
                           const Variables& variables) {
  argv_ = server_argv(server, endpoint_, place.nbdkit, variables);
  // A port of vsock that is bound may not listen yet, and we cannot see the difference; nor do we
  // see what listens in another network.
  const bool unseen = endpoint_.transport == Transport::vsock || !place.wrapper.empty();
  ready_path_ = unseen && server.command.empty() ? place.pid_path : "";
  if (!ready_path_.empty()) {
    ::unlink(ready_path_.c_str());
    argv_.insert(argv_.begin() + 1, {"-P", ready_path_});
  }
  const nbd::Fd log = append_to_file(place.log_path);
  nbd::SpawnOptions options;
  options.argv = server.disk.room == 0 ? argv_ : on_small_disk(server.disk, place.directory, argv_);
  options.argv.insert(options.argv.begin(), place.wrapper.begin(), place.wrapper.end());
  options.directory = place.directory;
  options.stdout_fd = log.get();
  options.stderr_fd = log.get();
  options.own_group = true;
  options.parent_death_signal = SIGTERM;  // should testkit itself be killed
  child_ = nbd::spawn(options);
}

bool CaptiveServer::is_ready() const {
  if (ready_path_.empty()) return endpoint_.is_listening();
  return ::access(ready_path_.c_str(), F_OK) == 0;
}

// False if it ended before it listened.
bool CaptiveServer::wait_until_listening(const Deadline& deadline, const Interrupt& interrupt) {
  // A server over memory listens after 4 ms: looked for often at first, so that
  // no cell waits for our pause; after 50 looks it is one that takes its time.
  for (int look = 0;; ++look) {
    const auto pause = look < 50 ? 1ms : 20ms;
    // In this order: one that listens and then dies is found by the next look.
    const bool listening = is_ready();
    if (ended()) return false;
    if (listening) return true;
    if (deadline.passed()) {
      nbd::fail("the server does not listen on {} in time: {}", endpoint_.uri(export_name_),
                command_line());
    }
    pollfd end{child_.pidfd(), POLLIN, 0};
    const Wake wake = wait_any({&end, 1}, Deadline::after(pause).sooner(deadline), interrupt);
    if (wake == Wake::interrupted) nbd::fail("interrupted");
  }
}

CaptiveServer CaptiveServer::start(const Server& server, Transport transport,
                                   const ServerPlace& place, const Variables& variables,
                                   const Deadline& deadline, const Interrupt& interrupt) {
  CaptiveServer captive;
  captive.export_name_ = server.export_name;
  captive.log_path_ = place.log_path;
  captive.endpoint_ = {transport, place.socket_path, 0, place.host};
  const bool has_own_network = !place.wrapper.empty();
  if (has_own_network) captive.endpoint_.port = kOwnPort;
  for (int attempt = 1;; ++attempt) {
    std::optional<PortReservation> reservation;
    if (transport == Transport::tcp && !has_own_network) {
      captive.endpoint_.port = reservation.emplace().port();
      // A server without SO_REUSEADDR cannot bind beside the reservation.
      if (attempt > 1) reservation->release();
    }
    if (transport == Transport::vsock) captive.endpoint_.port = free_vsock_port();
    captive.launch(server, place, variables);
    if (captive.wait_until_listening(Deadline::after(kStartTime).sooner(deadline), interrupt)) {
      return captive;
    }
    const bool port_was_taken =
        transport != Transport::unix_socket && attempt < kPortAttempts &&
        read_file(place.log_path, kMaxLog).find(nbd::errno_text(EADDRINUSE)) != std::string::npos;
    if (port_was_taken) continue;
    captive.fail_to_listen();
  }
}

void CaptiveServer::fail_to_listen() const {
  std::string message = fmt::format("the server ended before it listened ({}): {}",
                                    child_.ended()->describe(), command_line());
  for (const std::string& line : last_log_lines(3)) message += "\n" + line;
  throw nbd::Error(message);
}

void CaptiveServer::restart(const Server& server, const ServerPlace& place,
                            const Variables& variables, const Deadline& deadline,
                            const Interrupt& interrupt) {
  // One that was killed has left its socket behind.
  if (!endpoint_.path.empty()) ::unlink(endpoint_.path.c_str());
  export_name_ = server.export_name;
  launch(server, place, variables);
  if (!wait_until_listening(Deadline::after(kStartTime).sooner(deadline), interrupt)) {
    fail_to_listen();
  }
}

bool CaptiveServer::wait_until_ended(const Deadline& deadline, const Interrupt& interrupt) {
  while (!ended()) {
    pollfd end{child_.pidfd(), POLLIN, 0};
    if (wait_any({&end, 1}, deadline, interrupt) != Wake::ready) return false;
  }
  return true;
}

std::optional<nbd::ExitStatus> CaptiveServer::ended() { return child_.wait_for(0ms); }

std::string CaptiveServer::stop(bool may_have_ended) {
  const auto on_its_own = [&](const nbd::ExitStatus& status) {
    return may_have_ended ? "" : "ended on its own: " + status.describe();
  };
  if (const auto status = ended()) return on_its_own(*status);
  // One that a scenario has stopped cannot end otherwise. Before SIGTERM: after it,
  // a server under LeakSanitizer stops itself for a moment and must not be woken.
  child_.kill_group(SIGCONT);
  child_.kill_group(SIGTERM);
  const auto status =
      child_.wait_for(std::chrono::duration_cast<std::chrono::milliseconds>(kStopTime));
  child_.kill_group(SIGKILL);
  if (!status) {
    child_.wait();
    return fmt::format("still running {} after SIGTERM, killed", show_time(kStopTime));
  }
  // Somebody else's, sent before our SIGTERM: the end of a killed process takes
  // a moment to be seen.
  if (status->signal == SIGKILL) return on_its_own(*status);
  // Ending by the SIGTERM itself is fine; an exit status of its own is an error
  // that it found at its end, a leak that a sanitizer reports for one.
  const bool fine = status->success() || status->signal == SIGTERM || status->code == 128 + SIGTERM;
  return fine ? "" : status->describe();
}

std::vector<std::string> CaptiveServer::last_log_lines(size_t count) const {
  return last_lines(read_file(log_path_, kMaxLog), count);
}

}  // namespace testkit
