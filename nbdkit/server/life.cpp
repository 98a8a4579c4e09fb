// SPDX-License-Identifier: BSD-3-Clause
//
// From the command line to the end:
//
//   load, parameters, get_ready | bind | fork | pid file, after_fork | serve |
//   clients finish | cleanup, unload
//
// Threads: the main thread accepts clients and waits for signals and for the
// command of --run; everything else happens in the threads of connections and
// in workers. Signals only write to an eventfd, which everybody can poll.
#include "server/life.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <optional>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "layers/context.hpp"
#include "layers/stack.hpp"
#include "net/listen.hpp"
#include "server/background.hpp"
#include "server/captive.hpp"
#include "server/connections.hpp"
#include "server/crash.hpp"
#include "server/endpoint.hpp"
#include "server/parameters.hpp"
#include "server/probe.hpp"
#include "server/tls.hpp"

namespace nbdkit {

using namespace std::chrono_literals;

namespace {

// How long clients have to take their last replies once the server ends, and
// then a plugin to come back.
constexpr auto kGrace = 5s;

void on_signal(int) { server().request_quit(); }

void set_up_signals(bool captive) {
  struct sigaction action{};
  action.sa_flags = SA_RESTART;
  action.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &action, nullptr);
  // A captive server leaves the keyboard to its command, as system(3) does.
  if (!captive) action.sa_handler = on_signal;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGQUIT, &action, nullptr);
  action.sa_handler = on_signal;
  ::sigaction(SIGTERM, &action, nullptr);
  ::sigaction(SIGHUP, &action, nullptr);
}

void set_up_server_context() {
  Server& s = server();
  s.quit_fd = nbd::sys([] { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }, "eventfd");
  s.start_directory = nbd::current_directory();
}

// A client costs a descriptor, with some plugins two; the usual limit is 1024.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) == -1) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

// A closed standard stream would be taken by the next file that is opened, and
// messages would go into a disk.
void check_standard_streams() {
  for (int fd = 0; fd <= 2; ++fd) {
    if (::fcntl(fd, F_GETFD) == -1) nbd::fail("file descriptor {} is closed", fd);
  }
}

// Until the server is told to end, or the command ends.
void accept_clients(const Endpoint& endpoint, Connections& connections,
                    std::optional<nbd::Child>& command) {
  std::vector<pollfd> fds{{server().quit_fd, POLLIN, 0},
                          {command ? command->pidfd() : -1, POLLIN, 0}};
  for (const nbd::Fd& socket : endpoint.sockets) fds.push_back({socket.get(), POLLIN, 0});
  bool full = false;  // out of descriptors, and that has been said
  for (;;) {
    nbd::sys([&] { return ::poll(fds.data(), fds.size(), -1); }, "poll");
    if (fds[0].revents != 0 || fds[1].revents != 0) return;
    for (size_t i = 0; i < endpoint.sockets.size(); ++i) {
      if (fds[2 + i].revents == 0) continue;
      if (nbd::Fd client = accept_client(endpoint.sockets[i])) {
        full = false;
        connections.start(std::move(client));
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        if (!std::exchange(full, true)) {
          nbd::log::error("cannot accept a client: {}", nbd::errno_text(errno));
        }
        ::poll(fds.data(), 1, 100);  // until others have left, or the end
      }
    }
  }
}

// The exit status that the end of the command asks for. One that is still there
// since we were told to end is told so too.
int finish_command(std::optional<nbd::Child>& command) {
  if (!command) return 0;
  if (!command->wait_for(0ms)) {
    command->kill(SIGTERM);
    if (!command->wait_for(kGrace)) command->kill(SIGKILL);
  }
  return command->wait().shell_code();
}

// A start that fails leaves no socket that would make the next one fail too.
struct UnlessReady {
  std::string socket;
  ~UnlessReady() {
    if (!socket.empty()) ::unlink(socket.c_str());
  }
};

int serve(const Options& options, const TlsCredentials* tls, Stack& stack) {
  // The command of --run has the streams that we were started with, nobody else:
  // whoever waits for the end of our stdout must not wait for a daemon.
  nbd::Fd stdin_fd, stdout_fd;
  if (!options.run.empty()) {
    stdin_fd.reset(::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3));
    stdout_fd.reset(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
  }
  server().stdio_safe = false;
  point_at_null(STDIN_FILENO);
  point_at_null(STDOUT_FILENO);

  Endpoint endpoint = open_endpoint(options, tls);
  UnlessReady unless_ready{endpoint.unix_socket};
  const bool stay = options.foreground || !options.run.empty();
  Background background = stay ? Background() : Background::enter();
  if (!options.pid_file.empty()) write_pid_file(options.pid_file);
  stack.after_fork();

  WorkerPool pool;
  Shared shared{.stack = stack,
                .pool = pool,
                .options = {.handshake = {.oldstyle = options.oldstyle,
                                          .read_only = options.read_only,
                                          .structured_replies = options.structured_replies,
                                          .tls = tls,
                                          .tls_required = options.tls == TlsMode::require,
                                          .time = options.handshake_time},
                            .threads = options.threads},
                .pipes = {},
                .buffers = {},
                .one_client = {},
                .all_requests = {}};
  Connections connections(shared);
  std::optional<nbd::Child> command;
  if (!options.run.empty()) {
    command = start_command(options.run, endpoint, options.export_name, stdin_fd, stdout_fd);
    stdin_fd.reset();
    stdout_fd.reset();
  }
  unless_ready.socket.clear();
  background.ready(options.verbose);
  accept_clients(endpoint, connections, command);

  nbd::log::debug("shutting down");
  server().request_quit();  // wakes requests that sleep
  endpoint.sockets.clear();
  const int status = finish_command(command);
  if (!connections.finish(kGrace)) {
    nbd::log::error("a plugin did not return in time: leaving without cleaning up");
    endpoint.private_dir.reset();
    ::_exit(status != 0 ? status : 1);
  }
  return status;
}

}  // namespace

int run(const Options& options) {
  check_standard_streams();
  nbd::log::set_verbose(options.verbose);
  set_up_server_context();
  if (asks_a_question(options)) return answer(options);
  if (options.plugin.empty()) {
    nbd::fail(
        "no plugin was given\n"
        "Use 'nbdkit --help' or read the nbdkit(1) manual page for documentation.");
  }
  ::umask(0022);
  raise_descriptor_limit();
  set_up_signals(!options.run.empty());
  nbd::log::debug("nbdkit {}", kVersion);

  const std::unique_ptr<TlsCredentials> tls = load_tls(options);
  Stack stack(options.plugin, options.filters, options.debug);
  blame_crashes_on(stack.plugin().table().callbacks.name);
  configure(stack, options.parameters);
  stack.config_complete();
  if (options.oldstyle && !options.export_name.empty()) {
    nbd::fail("an export name cannot be used with the oldstyle protocol: \"{}\"",
              options.export_name);
  }
  stack.get_ready();
  const int status = serve(options, tls.get(), stack);
  stack.cleanup();
  return status;
}

}  // namespace nbdkit
