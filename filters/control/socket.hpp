// SPDX-License-Identifier: BSD-3-Clause
//
// A Unix socket that answers lines with lines, or characters with characters.
//
// Threads: one that accepts, and one for each client, so that a command that waits
// holds up nobody else. All are gone when the destructor returns.
#pragma once

#include <functional>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "base/fd.hpp"

namespace nbd::filters {

class ControlSocket {
 public:
  // What a client may make us hold, and how many of them there are.
  static constexpr size_t kMaxLine = 64 << 10;
  static constexpr size_t kMaxClients = 64;

  using Answer = std::function<std::string(std::string_view line)>;
  // characters: each is asked for itself, and the answer, which may be empty, has no
  // newline.
  enum class Speech { lines, characters };

  // parameter: which has named the path, for messages. The socket is its owner's alone (mode 0600). One that a killed server has left
  // is replaced. Throws an Error that names the path.
  ControlSocket(std::string path, Answer answer, const char* parameter = "control",
                Speech speech = Speech::lines);
  ~ControlSocket();
  ControlSocket(const ControlSocket&) = delete;
  ControlSocket& operator=(const ControlSocket&) = delete;

 private:
  struct Client {
    Fd socket;
    bool ended = false;
    std::thread thread;
  };

  void accept_clients();
  void take(Fd socket);
  void serve(Client& client);
  bool answer_characters(Client& client, std::string_view input) const;
  void join_ended();

  const std::string path_;
  const Answer answer_;
  const Speech speech_;
  Fd listener_;
  std::mutex mutex_;  // over clients_ and closing_
  std::list<Client> clients_;
  bool closing_ = false;
  std::thread accepts_;
};

}  // namespace nbd::filters
