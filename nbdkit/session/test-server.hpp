// SPDX-License-Identifier: BSD-3-Clause
//
// For tests: a server as a user starts it, and a client that sends whatever
// bytes a test likes.
#pragma once

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/temp-dir.hpp"
#include "wire/messages.hpp"

namespace nbdkit::test {

// `nbdkit ARGS...` on a Unix socket of its own.
class TestServer {
 public:
  explicit TestServer(std::vector<std::string> args) {
    std::vector<std::string> argv{NBDKIT_BINARY, "-f", "-U", socket(), "-P", dir_ / "pid"};
    argv.insert(argv.end(), args.begin(), args.end());
    child_ = nbd::spawn({.argv = argv, .own_group = true});
    for (int i = 0; i < 1000; ++i) {  // 10 s: sanitizers on a busy machine
      if (::access((dir_ / "pid").c_str(), F_OK) == 0) return;
      if (child_.wait_for(std::chrono::milliseconds(10))) break;
    }
    nbd::fail("the server did not start");
  }

  std::string socket() const { return dir_ / "s"; }
  pid_t pid() const { return child_.pid(); }
  // Ends it as users do; how it ended says whether it was well.
  nbd::ExitStatus stop() {
    child_.kill(SIGTERM);
    return child_.wait();
  }

 private:
  nbd::TempDir dir_{"nbdtest"};
  nbd::Child child_;
};

// Bytes to and from a server, with a bound on every wait.
class RawClient {
 public:
  explicit RawClient(const TestServer& server)
      : fd_(nbd::sys([] { return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0); }, "socket")) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string path = server.socket();
    std::memcpy(address.sun_path, path.data(), path.size());
    nbd::sys(
        [&] { return ::connect(fd_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address); },
        "connect");
  }

  // A server that has hung up already is no error here.
  void send(nbd::wire::Bytes bytes) { ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL); }
  void send(const nbd::wire::Writer& w) { send(w.bytes()); }
  int fd() const { return fd_.get(); }
  void half_close() { ::shutdown(fd_.get(), SHUT_WR); }

  // Exactly count bytes; an Error if the server hangs up or takes too long.
  std::vector<std::byte> receive(size_t count) {
    std::vector<std::byte> out(count);
    for (size_t got = 0; got < count;) {
      const ssize_t n = receive_some(out.data() + got, count - got);
      if (n <= 0) nbd::fail("the server hung up after {} of {} bytes", got, count);
      got += static_cast<size_t>(n);
    }
    return out;
  }
  // Reads until the server hangs up; false if it does not within the bound.
  bool is_hung_up(std::vector<std::byte>* read = nullptr) {
    std::byte scratch[4096];
    try {
      for (;;) {
        const ssize_t n = receive_some(scratch, sizeof scratch);
        if (n <= 0) break;
        if (read != nullptr) read->insert(read->end(), scratch, scratch + n);
      }
    } catch (const nbd::Error&) {
      return false;
    }
    return true;
  }

  // ---- The protocol, spoken properly

  void greet(uint32_t client_flags = 3) {
    receive(18);
    send(nbd::wire::Writer().put(client_flags));
  }
  static nbd::wire::Writer option(uint32_t number, uint32_t length, std::string_view data = {}) {
    nbd::wire::Writer w;
    w.put(nbd::wire::kIHaveOpt).put(number).put(length).put(data);
    return w;
  }
  // NBD_OPT_EXPORT_NAME "": the size that the server says.
  uint64_t enter_transmission() {
    greet();
    send(option(1, 0));
    return nbd::wire::load<uint64_t>(receive(10).data());
  }
  static std::vector<std::byte> request(nbd::wire::Command command, uint64_t offset,
                                        uint32_t length, uint16_t flags = 0) {
    std::vector<std::byte> out(nbd::wire::kRequestSize);
    nbd::wire::encode_request(
        out.data(),
        {.flags = flags, .command = command, .cookie = 42, .offset = offset, .length = length});
    return out;
  }
  // The error of the next reply, which must be a simple one to our cookie.
  uint32_t reply_error() {
    const auto reply = receive(nbd::wire::kSimpleReplySize);
    if (nbd::wire::load<uint32_t>(reply.data()) != nbd::wire::kSimpleReplyMagic ||
        nbd::wire::load<uint64_t>(reply.data() + 8) != 42) {
      nbd::fail("not a simple reply to our request");
    }
    return nbd::wire::load<uint32_t>(reply.data() + 4);
  }

 private:
  ssize_t receive_some(std::byte* to, size_t count) {
    constexpr int kBound = 10000;
    pollfd p{fd_.get(), POLLIN, 0};
    if (::poll(&p, 1, kBound) == 0) nbd::fail("the server is silent");
    return ::recv(fd_.get(), to, count, 0);
  }

  nbd::Fd fd_;
};

}  // namespace nbdkit::test
