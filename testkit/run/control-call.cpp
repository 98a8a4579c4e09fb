// SPDX-License-Identifier: BSD-3-Clause
#include "run/control-call.hpp"

#include <sys/socket.h>

#include <nlohmann/json.hpp>

#include "base/error.hpp"
#include "net/connect.hpp"

namespace testkit {

namespace {

constexpr size_t kMaxAnswer = 1u << 20;

bool says_ok(const std::string& answer) {
  const auto json = nlohmann::json::parse(answer, nullptr, false);
  return json.is_object() && json.contains("ok") && json["ok"] == true;
}

}  // namespace

Outcome call_control(const std::string& socket_path, const std::string& line,
                     const Deadline& deadline, const Interrupt& interrupt) {
  const nbd::Fd socket = connect_to({socket_path, "", "", ""});
  const std::string request = line + "\n";
  if (nbd::retry_eintr([&] {
        return ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL);
      }) != static_cast<ssize_t>(request.size())) {
    return {Outcome::End::error, errno, "the control socket takes no command"};
  }
  std::string answer;
  while (answer.find('\n') == std::string::npos && answer.size() < kMaxAnswer) {
    pollfd p{socket.get(), POLLIN, 0};
    const Wake wake = wait_any({&p, 1}, deadline, interrupt);
    if (wake == Wake::timeout) return {Outcome::End::timeout, 0, ""};
    if (wake == Wake::interrupted) return {Outcome::End::interrupted, 0, ""};
    char buffer[4096];
    const ssize_t n =
        nbd::retry_eintr([&] { return ::recv(socket.get(), buffer, sizeof buffer, 0); });
    if (n <= 0) return {Outcome::End::error, n < 0 ? errno : 0, "no answer: " + answer};
    answer.append(buffer, static_cast<size_t>(n));
  }
  answer.erase(answer.find_last_not_of("\r\n") + 1);
  return {says_ok(answer) ? Outcome::End::success : Outcome::End::error, 0, answer};
}

}  // namespace testkit
