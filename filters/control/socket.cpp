// SPDX-License-Identifier: BSD-3-Clause
#include "control/socket.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include <nbdkit/sdk.hpp>

#include "base/error.hpp"
#include "control/json-writer.hpp"

namespace nbd::filters {

namespace {

sockaddr_un address_of(const std::string& path, const char* parameter) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    fail("{}={}: the path of a socket has at most {} bytes, this one has {}", parameter, path,
         sizeof address.sun_path - 1, path.size());
  }
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

Fd new_socket() {
  return Fd(sys([] { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }, "socket"));
}

int bind_to(const Fd& socket, const sockaddr_un& address) {
  return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

// Whether the path is a socket at which nobody listens any more.
bool is_left_over(const sockaddr_un& address) {
  struct stat s{};
  if (::lstat(address.sun_path, &s) != 0 || !S_ISSOCK(s.st_mode)) return false;
  const Fd probe = new_socket();
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
         errno == ECONNREFUSED;
}

Fd listen_at(const std::string& path, const char* parameter) {
  const sockaddr_un address = address_of(path, parameter);
  Fd socket = new_socket();
  ::fchmod(socket.get(), 0600);  // Linux gives the file this mode, whatever the umask
  int result = bind_to(socket, address);
  if (result != 0 && errno == EADDRINUSE && is_left_over(address)) {
    ::unlink(path.c_str());
    result = bind_to(socket, address);
  }
  if (result != 0) fail_errno(errno, "{}={}: cannot bind to the socket", parameter, path);
  constexpr int kBacklog = 64;
  if (::listen(socket.get(), kBacklog) != 0) {
    const int failed = errno;
    ::unlink(path.c_str());
    fail_errno(failed, "{}={}: cannot listen at the socket", parameter, path);
  }
  return socket;
}

// Signals that end the program go to threads that know what to do with them.
template <class Body>
std::thread start(Body&& body) {
  sigset_t all, before;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  struct Restore {
    const sigset_t& mask;
    ~Restore() { ::pthread_sigmask(SIG_SETMASK, &mask, nullptr); }
  } const restore{before};
  return std::thread(std::forward<Body>(body));
}

bool send_all(const Fd& socket, std::string_view rest) {
  while (!rest.empty()) {
    const ssize_t n =
        retry_eintr([&] { return ::send(socket.get(), rest.data(), rest.size(), MSG_NOSIGNAL); });
    if (n <= 0) return false;
    rest.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool send_line(const Fd& socket, std::string line) { return send_all(socket, line += '\n'); }

std::string refusal(const std::string& why) {
  return JsonObject().set("ok", false).set("error", why).text();
}

}  // namespace

ControlSocket::ControlSocket(std::string path, Answer answer, const char* parameter, Speech speech)
    : path_(std::move(path)),
      answer_(std::move(answer)),
      speech_(speech),
      listener_(listen_at(path_, parameter)) {
  try {
    accepts_ = start([this] { accept_clients(); });
  } catch (...) {
    ::unlink(path_.c_str());
    throw;
  }
}

ControlSocket::~ControlSocket() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    for (const Client& c : clients_) ::shutdown(c.socket.get(), SHUT_RDWR);
  }
  ::unlink(path_.c_str());
  ::shutdown(listener_.get(), SHUT_RDWR);  // wakes accept
  accepts_.join();
  for (Client& c : clients_) c.thread.join();
}

void ControlSocket::accept_clients() {
  for (;;) {
    Fd socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    const int failed = errno;
    {
      const std::lock_guard lock(mutex_);
      if (closing_) return;
    }
    try {
      join_ended();
      if (socket) {
        take(std::move(socket));
      } else if (failed != EINTR && failed != ECONNABORTED) {
        ::poll(nullptr, 0, 100);  // out of descriptors, most likely: until others leave
      }
    } catch (const std::exception& e) {
      log_error(std::string("control: a client was dropped: ") + e.what());
    }
  }
}

void ControlSocket::take(Fd socket) {
  const std::lock_guard lock(mutex_);
  if (closing_) return;
  if (clients_.size() >= kMaxClients) {
    send_line(socket, refusal(fmt::format("there are {} clients already", kMaxClients)));
    return;
  }
  Client& client = clients_.emplace_back();
  client.socket = std::move(socket);
  try {
    client.thread = start([this, &client] { serve(client); });
  } catch (...) {
    clients_.pop_back();
    throw;
  }
}

void ControlSocket::join_ended() {
  std::list<Client> ended;
  {
    const std::lock_guard lock(mutex_);
    for (auto c = clients_.begin(); c != clients_.end();) {
      const auto next = std::next(c);
      if (c->ended) ended.splice(ended.end(), clients_, c);
      c = next;
    }
  }
  for (Client& c : ended) c.thread.join();
}

// Until the client hangs up, is told to, or sends more than a line may have.
void ControlSocket::serve(Client& client) {
  try {
    std::string input;
    std::vector<char> buffer(4096);
    for (bool more = true; more;) {
      const ssize_t n =
          retry_eintr([&] { return ::recv(client.socket.get(), buffer.data(), buffer.size(), 0); });
      if (n <= 0) break;
      if (speech_ == Speech::characters) {
        more = answer_characters(client, std::string_view(buffer.data(), static_cast<size_t>(n)));
        continue;
      }
      input.append(buffer.data(), static_cast<size_t>(n));
      size_t begin = 0;
      for (size_t end; more && (end = input.find('\n', begin)) != std::string::npos;
           begin = end + 1) {
        const std::string_view line = std::string_view(input).substr(begin, end - begin);
        more = send_line(client.socket, answer_(line));
      }
      input.erase(0, begin);
      if (input.size() > kMaxLine) {
        send_line(client.socket, refusal(fmt::format("a line has at most {} bytes", kMaxLine)));
        more = false;
      }
    }
  } catch (const std::exception& e) {  // out of memory
    log_error(std::string("control: ") + e.what());
  }
  const std::lock_guard lock(mutex_);
  ::shutdown(client.socket.get(), SHUT_RDWR);  // the list keeps the descriptor for a while
  client.ended = true;
}

bool ControlSocket::answer_characters(Client& client, std::string_view input) const {
  for (size_t i = 0; i < input.size(); ++i) {
    if (!send_all(client.socket, answer_(input.substr(i, 1)))) return false;
  }
  return true;
}

}  // namespace nbd::filters
