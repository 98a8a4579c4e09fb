// SPDX-License-Identifier: BSD-3-Clause
//
// Exported to plugins: the client of the request that this thread works on,
// waiting, ending, paths and strings.
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <chrono>

#define NBDKIT_API_VERSION 2
#include <nbdkit-plugin-extras.h>
#include <nbdkit-plugin.h>

#include "base/error.hpp"
#include "base/log.hpp"
#include "layers/context.hpp"

using nbdkit::current;
using nbdkit::server;

namespace {

// SO_PEERCRED of the current client; false after a message.
bool peer_credentials(ucred& out) {
  if (current.client == nullptr || current.client->socket < 0) {
    nbd::log::error("peer credentials asked for outside a connection");
    return false;
  }
  socklen_t size = sizeof out;
  if (::getsockopt(current.client->socket, SOL_SOCKET, SO_PEERCRED, &out, &size) == 0 &&
      out.pid > 0) {
    return true;
  }
  nbd::log::error("peer credentials: the client is not connected by a Unix socket");
  return false;
}

const char* intern(std::string_view text) noexcept {
  try {
    nbdkit::InternedStrings& home =
        current.client != nullptr ? current.client->interned : server().interned;
    return home.add(text);
  } catch (const std::exception& e) {
    nbd::log::error(std::string_view(e.what()));
    return nullptr;
  }
}

// A malloc'd copy, or nullptr after a message.
char* c_copy(const std::string& text) {
  char* copy = ::strdup(text.c_str());
  if (copy == nullptr) nbd::log::error("out of memory");
  return copy;
}

}  // namespace

const char* nbdkit_export_name(void) {
  if (current.client == nullptr) {
    nbd::log::error("nbdkit_export_name called outside a connection");
    return nullptr;
  }
  return current.client->export_name.c_str();
}

int nbdkit_is_tls(void) { return current.client != nullptr && current.client->tls ? 1 : 0; }

char* nbdkit_peer_tls_dn(void) {
  return c_copy(current.client != nullptr ? current.client->tls_dn : "");
}
char* nbdkit_peer_tls_issuer_dn(void) {
  return c_copy(current.client != nullptr ? current.client->tls_issuer_dn : "");
}

int nbdkit_peer_name(struct sockaddr* addr, socklen_t* addrlen) {
  if (current.client == nullptr || current.client->socket < 0 ||
      ::getpeername(current.client->socket, addr, addrlen) == -1) {
    nbd::log::error("peer name: {}",
                    current.client == nullptr ? "no connection" : nbd::errno_text(errno).c_str());
    return -1;
  }
  return 0;
}

int64_t nbdkit_peer_pid(void) {
  ucred c{};
  return peer_credentials(c) ? c.pid : -1;
}
int64_t nbdkit_peer_uid(void) {
  ucred c{};
  return peer_credentials(c) ? static_cast<int64_t>(c.uid) : -1;
}
int64_t nbdkit_peer_gid(void) {
  ucred c{};
  return peer_credentials(c) ? static_cast<int64_t>(c.gid) : -1;
}

char* nbdkit_peer_security_context(void) {
  if (current.client == nullptr || current.client->socket < 0) {
    nbd::log::error("security context of the peer asked for outside a connection");
    return nullptr;
  }
  char label[4096];
  socklen_t size = sizeof label - 1;
  if (::getsockopt(current.client->socket, SOL_SOCKET, SO_PEERSEC, label, &size) == -1) {
    nbd::log::error("security context of the peer: {}", nbd::errno_text(errno));
    return nullptr;
  }
  label[size] = '\0';
  return c_copy(label);
}

void nbdkit_shutdown(void) { server().request_quit(); }

void nbdkit_disconnect(int force) {
  if (current.client == nullptr) return;
  current.client->disconnect.store(force != 0 ? nbdkit::Disconnect::force
                                              : nbdkit::Disconnect::soft);
  if (force != 0 && current.client->socket >= 0) ::shutdown(current.client->socket, SHUT_RDWR);
}

uint64_t nbdkit_request_arrival(unsigned kind) {
  return current.arrival.kind == kind ? current.arrival.number : 0;
}

uint64_t nbdkit_connection_arrival(unsigned kind) {
  return current.arrival.kind == kind ? current.arrival.of_client : 0;
}

uint64_t nbdkit_connection_number(void) {
  return current.client != nullptr ? current.client->number : 0;
}

uint64_t nbdkit_connection_age(void) {
  if (current.client == nullptr) return 0;
  const auto age = std::chrono::steady_clock::now() - current.client->connected;
  return static_cast<uint64_t>(std::chrono::nanoseconds(age).count());
}

int nbdkit_step_aside(void) {
  return current.place != nullptr && current.place->step_aside() ? 1 : 0;
}

void nbdkit_step_back(void) { current.place->step_back(); }

namespace {

using Clock = std::chrono::steady_clock;

// Sleeps until the deadline or an event; which of the two said so: the server's
// end (1), the client's socket (2), none (0).
int sleep_watching(Clock::time_point deadline, int socket) {
  using namespace std::chrono;
  pollfd fds[2] = {{server().quit_fd, POLLIN, 0}, {socket, POLLRDHUP, 0}};
  for (;;) {
    // However short it is, there is one look: who sleeps in a loop must see the end.
    const auto left = std::max(duration_cast<nanoseconds>(deadline - Clock::now()), nanoseconds(0));
    const timespec timeout{static_cast<time_t>(left.count() / 1000000000),
                           static_cast<long>(left.count() % 1000000000)};
    const int ready = ::ppoll(fds, 2, &timeout, nullptr);
    if (ready == 0) return 0;
    if (ready > 0) return fds[0].revents != 0 ? 1 : 2;
    if (errno != EINTR) return 1;
  }
}

}  // namespace

// A socket that hangs up does not tell whether the client said goodbye before:
// its own thread finds out as it reads on, and a sleeping worker waits for that.
// That thread, when it is the one that sleeps, cannot know and sleeps on.
int nbdkit_nanosleep(unsigned sec, unsigned nsec) {
  const auto deadline = Clock::now() + std::chrono::seconds(sec) + std::chrono::nanoseconds(nsec);
  const nbdkit::Client* client = current.client;
  bool watch = client != nullptr && current.is_worker;
  constexpr std::chrono::milliseconds kLookAgain{10};
  for (;;) {
    const auto hearing = client != nullptr ? client->hearing.load() : nbdkit::Hearing::open;
    if (hearing == nbdkit::Hearing::goodbye) watch = false;
    int event = hearing == nbdkit::Hearing::gone
                    ? 1
                    : sleep_watching(deadline, watch ? client->socket : -1);
    if (event == 0) return 0;
    if (event == 2) event = sleep_watching(std::min(deadline, Clock::now() + kLookAgain), -1);
    if (event == 1) {
      errno = ESHUTDOWN;
      return -1;
    }
  }
}

int nbdkit_stdio_safe(void) { return server().stdio_safe.load() ? 1 : 0; }

char* nbdkit_absolute_path(const char* path) {
  if (path == nullptr || *path == '\0') {
    nbd::log::error("the path is empty");
    return nullptr;
  }
  return c_copy(*path == '/' ? path : server().start_directory + "/" + path);
}

char* nbdkit_realpath(const char* path) {
  char* absolute = nbdkit_absolute_path(path);
  if (absolute == nullptr) return nullptr;
  char* resolved = ::realpath(absolute, nullptr);
  if (resolved == nullptr) nbd::log::error("realpath: {}: {}", path, nbd::errno_text(errno));
  ::free(absolute);
  return resolved;
}

const char* nbdkit_strdup_intern(const char* str) { return intern(str); }

const char* nbdkit_strndup_intern(const char* str, size_t n) {
  return intern(std::string_view(str, ::strnlen(str, n)));
}

const char* nbdkit_vprintf_intern(const char* format, va_list args) {
  char* text = nullptr;
  if (::vasprintf(&text, format, args) < 0) {
    nbd::log::error("out of memory");
    return nullptr;
  }
  const char* kept = intern(text);
  ::free(text);
  return kept;
}

const char* nbdkit_printf_intern(const char* format, ...) {
  va_list args;
  va_start(args, format);
  const char* kept = nbdkit_vprintf_intern(format, args);
  va_end(args);
  return kept;
}
