// SPDX-License-Identifier: BSD-3-Clause
#include "run/private-network.hpp"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "base/error.hpp"
#include "run/command.hpp"
#include "run/files.hpp"

namespace testkit {

namespace {

// The server's device has to have an address before its server listens there.
constexpr const char* kScript = R"(set -e
ip link add "$netdev" type veth peer name eth0 netns "$netns"
ip addr add "$client_host/30" dev "$netdev"
ip link set "$netdev" up
nsenter --net="$netns" sh -ec '
  ip addr add "$server_host/30" dev eth0
  ip link set lo up
  ip link set eth0 up
  [ -z "$netem" ] || tc qdisc add dev eth0 root netem limit 10000 $netem'
[ -z "$netem" ] || tc qdisc add dev "$netdev" root netem limit 10000 $netem
)";

// A thread that leaves its namespace for a new one can show it to the others.
nbd::Fd new_namespace() {
  int fd = -1, error = 0;
  std::thread([&] {
    if (::unshare(CLONE_NEWNET) == 0) fd = ::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    error = errno;
  }).join();
  if (fd == -1) nbd::fail_errno(error, "cannot make a network namespace");
  return nbd::Fd(fd);
}

}  // namespace

PrivateNetwork::PrivateNetwork(const Network& network, const std::string& log_folder,
                               const Deadline& deadline, const Interrupt& interrupt)
    : namespace_(new_namespace()) {
  // No two of this process alike, and hardly ever two of any: 10.128.0.0 to 10.191.255.255, in
  // fours, of which two are addresses.
  static std::atomic<unsigned> next = 0;
  const unsigned number = next++;
  const auto process = static_cast<unsigned>(::getpid());
  const std::string net = fmt::format("10.{}.{}.", 128 + process % 64, number / 64 % 256);
  client_host_ = net + std::to_string(number % 64 * 4 + 1);
  server_host_ = net + std::to_string(number % 64 * 4 + 2);
  device_ = fmt::format("tk{:x}-{:x}", process, number % 4096);  // at most 15 letters
  Variables all = variables();
  all.insert(
      all.end(),
      {{"client_host", client_host_}, {"server_host", server_host_}, {"netem", network.netem}});
  const CommandPlace place{log_folder, log_folder + "/network.out", log_folder + "/network.err"};
  const CommandOutcome outcome =
      run_command({{}, kScript, {}, {}}, all, place, deadline, interrupt);
  if (outcome.status && outcome.status->success()) return;
  std::string words;
  for (const std::string& line : last_lines(outcome.err, 2)) words += ": " + line;
  nbd::fail("cannot make the network{}", words);
}

std::string PrivateNetwork::namespace_path() const {
  return fmt::format("/proc/{}/fd/{}", ::getpid(), namespace_.get());
}

}  // namespace testkit
