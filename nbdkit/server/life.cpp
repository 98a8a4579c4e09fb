// SPDX-License-Identifier: BSD-3-Clause
//
// From the command line to the end:
//
//   load, parameters, get_ready | bind | user, group | fork | pid file, after_fork |
//   serve | clients finish | cleanup, unload
//
// Threads: the main thread accepts clients and waits for signals and for the
// command of --run; everything else happens in the threads of connections and
// in workers. With -s the main thread serves its only client, and another waits.
#include "server/life.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <memory>
#include <thread>
#include <utility>

#include "base/error.hpp"
#include "base/log.hpp"
#include "layers/context.hpp"
#include "layers/debug-flags.hpp"
#include "layers/stack.hpp"
#include "net/fd-stream.hpp"
#include "net/listen.hpp"
#include "server/activation.hpp"
#include "server/background.hpp"
#include "server/captive.hpp"
#include "server/connections.hpp"
#include "server/crash.hpp"
#include "server/endpoint.hpp"
#include "server/identity.hpp"
#include "server/leftovers.hpp"
#include "server/parameters.hpp"
#include "server/probe.hpp"
#include "server/signals.hpp"
#include "server/standard-streams.hpp"
#include "server/startup.hpp"
#include "server/tls.hpp"

namespace nbdkit {

using namespace std::chrono_literals;

namespace {

// How long clients have to take their last replies once the server ends, and
// then a plugin to come back.
constexpr auto kGrace = 5s;

void set_up_server_context() {
  Server& s = server();
  s.quit_fd = nbd::sys([] { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }, "eventfd");
  s.start_directory = nbd::current_directory();
}

// What the start has gathered before the plugin is ready.
struct Start {
  pid_t parent = 0;
  std::vector<nbd::Fd> activated;  // sockets that came with us
  Identity identity;
  StandardStreams streams;  // with -s; else they are taken later
  std::unique_ptr<TlsCredentials> tls;
};

// Until the server is told to end, or the command ends.
void accept_clients(const Endpoint& endpoint, ClientSocketOptions socket_options,
                    Connections& connections, const Command& command) {
  std::vector<pollfd> fds{{server().quit_fd, POLLIN, 0}, {command.ended_fd(), POLLIN, 0}};
  for (const nbd::Fd& socket : endpoint.sockets) fds.push_back({socket.get(), POLLIN, 0});
  bool full = false;  // out of descriptors, and that has been said
  for (;;) {
    nbd::sys([&] { return ::poll(fds.data(), fds.size(), -1); }, "poll");
    if (fds[0].revents != 0 || fds[1].revents != 0) return;
    for (size_t i = 0; i < endpoint.sockets.size(); ++i) {
      if (fds[2 + i].revents == 0) continue;
      if (nbd::Fd client = accept_client(endpoint.sockets[i], socket_options)) {
        full = false;
        connections.start(std::make_unique<SocketStream>(std::move(client)));
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM || errno == ENOBUFS) {
        if (!std::exchange(full, true)) {
          nbd::log::error("cannot accept a client: {}", nbd::errno_text(errno));
        }
        ::poll(fds.data(), 1, 100);  // until others have left, or the end
      }
    }
  }
}

// Some language runtimes (Ruby's) bear calls only from the thread that loaded
// them, so the client of -s is served here, and another thread waits for the end
// meanwhile; signals go to that one.
void serve_single(Connections& connections, std::unique_ptr<Stream> client,
                  const std::function<void()>& until_the_end) {
  const std::jthread waiting(until_the_end);
  const EndingSignalsBlocked blocked;
  connections.serve_last(std::move(client));
}

// A start that fails leaves no socket that would make the next one fail too.
struct UnlessReady {
  std::string socket;
  ~UnlessReady() {
    if (!socket.empty()) ::unlink(socket.c_str());
  }
};

Endpoint open_sockets(const Options& options, Start& start) {
  if (options.single) return {};
  if (!start.activated.empty()) return endpoint_of(std::move(start.activated));
  Endpoint endpoint = open_endpoint(options);
  remember_leftovers(endpoint.unix_socket,
                     endpoint.private_dir ? endpoint.private_dir->path() : "");
  return endpoint;
}

// The command of --run keeps the rights that we give up.
void change_identity(const Options& options, const Start& start, const Endpoint& endpoint,
                     const StandardStreams& streams, Command& command) {
  if (!start.identity) return;
  if (command.wanted()) command.start(streams);
  if (endpoint.private_dir) {
    give_to(start.identity, endpoint.unix_socket);
    give_to(start.identity, endpoint.private_dir->path());
  }
  become(start.identity);
  if (options.exit_with_parent) end_with_parent(start.parent);
}

HandshakeOptions handshake_options(const Options& options, const TlsCredentials* tls) {
  HandshakeOptions out;
  out.oldstyle = options.oldstyle;
  out.read_only = options.read_only;
  out.structured_replies = options.structured_replies;
  out.meta_contexts = options.meta_contexts;
  out.tls = tls;
  out.tls_required = options.tls == TlsMode::require;
  out.time = options.handshake_time;
  out.offered_flags = static_cast<uint16_t>(out.offered_flags & options.handshake_mask);
  return out;
}

int serve(const Options& options, Start start, Stack& stack) {
  StandardStreams streams = options.single ? std::move(start.streams) : take_standard_streams();
  server().stdio_safe = false;

  const bool activated = !start.activated.empty();
  Endpoint endpoint = open_sockets(options, start);
  tell_of_tls(endpoint, options, start.tls.get());
  UnlessReady unless_ready{activated ? "" : endpoint.unix_socket};
  Command command(options, endpoint);
  change_identity(options, start, endpoint, streams, command);

  const bool stay = options.foreground || options.exit_with_parent || options.single || activated ||
                    command.wanted();
  Background background = stay ? Background() : Background::enter();
  remember_leftovers(unless_ready.socket, endpoint.private_dir ? endpoint.private_dir->path() : "");
  if (options.swap) lock_memory();
  if (!options.pid_file.empty()) write_pid_file(options.pid_file);
  stack.after_fork();
  if (server().quitting()) return 0;  // before it was ready: the parent, if any, says so

  WorkerPool pool;
  Shared shared{.stack = stack,
                .pool = pool,
                .options = {.handshake = handshake_options(options, start.tls.get()),
                            .threads = options.threads},
                .pipes = {},
                .buffers = {},
                .one_client = {},
                .all_requests = {}};
  Connections connections(shared);
  if (options.print_uri) print_uri(streams.out, uri_of(endpoint, options.export_name));
  if (command.wanted() && !command.started()) command.start(streams);
  start_up_is_over(command.wanted());
  if (!endpoint.private_dir) remember_leftovers("", "");
  unless_ready.socket.clear();
  std::unique_ptr<Stream> single;
  if (options.single) single = make_stream(std::move(streams.in), std::move(streams.out));
  streams = {};  // whoever waits for the end of our stdout must not wait for a daemon
  background.ready(options);

  int status = 0;
  const auto until_the_end = [&] {
    accept_clients(endpoint, {.keepalive = options.keepalive}, connections, command);
    nbd::log::debug("shutting down");
    server().request_quit();  // wakes requests that sleep
    endpoint.sockets.clear();
    status = command.finish(kGrace);
    if (connections.finish(kGrace)) return;
    nbd::log::error("a plugin did not return in time: leaving without cleaning up");
    endpoint.private_dir.reset();
    ::_exit(status != 0 ? status : 1);
  };
  if (single) {
    serve_single(connections, std::move(single), until_the_end);
  } else {
    until_the_end();
  }
  return status;
}

}  // namespace

int run(const Options& options) {
  Start start{.parent = ::getppid()};
  check_standard_streams();
  set_up_log(options);
  start.activated = take_activation_sockets();
  if (!start.activated.empty()) check_with_activation(options);
  set_up_server_context();
  if (options.is_question()) return answer(options);
  if (options.plugin.empty()) {
    nbd::fail(
        "no plugin was given\n"
        "Use 'nbdkit --help' or read the nbdkit(1) manual page for documentation.");
  }
  ::umask(0022);
  raise_descriptor_limit();
  if (options.swap) raise_memory_lock_limit();
  set_up_signals();
  if (options.exit_with_parent) end_with_parent(start.parent);
  start.identity = find_identity(options);
  if (options.single) {
    start.streams = take_standard_streams();
    server().stdio_safe = false;
  }
  nbd::log::debug("nbdkit {}", kVersion);

  Stack stack(options.plugin, options.filters, options.debug);
  start.tls = load_tls(options);
  if (server_debug_flags().environ_ != 0) show_environment();
  blame_crashes_on(stack.plugin().table().callbacks.name);
  configure(stack, options.parameters);
  stack.config_complete();
  stack.get_ready();
  int status = 0;
  if (!server().quitting()) status = serve(options, std::move(start), stack);
  stack.cleanup();
  return status;
}

}  // namespace nbdkit
