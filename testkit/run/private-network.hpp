// SPDX-License-Identifier: BSD-3-Clause
//
// A network of a cell's own between client and server, as bad as the scenario wants it: the server
// is in a network namespace, a pair of virtual Ethernet devices leads there, and tc's netem on both
// ends loses and delays packets.
//
// The namespace has no name, only a descriptor of ours and the server in it: whatever ends them, it
// goes, and the devices with it.
#pragma once

#include <string>
#include <vector>

#include "base/fd.hpp"
#include "net/wait.hpp"
#include "scenario/model.hpp"
#include "scenario/substitute.hpp"

namespace testkit {

class PrivateNetwork {
 public:
  // Throws an Error if it cannot be made. Output of the tools is kept in `log_folder`.
  PrivateNetwork(const Network& network, const std::string& log_folder, const Deadline& deadline,
                 const Interrupt& interrupt);

  // Where the server is to listen.
  const std::string& server_host() const { return server_host_; }
  // What goes before a command so that it runs at the server's end.
  std::vector<std::string> wrapper() const { return {"nsenter", "--net=" + namespace_path()}; }
  // $netdev, the client's device, and $netns, the server's namespace, for nsenter(1) and ip(8).
  Variables variables() const { return {{"netdev", device_}, {"netns", namespace_path()}}; }

 private:
  std::string namespace_path() const;

  nbd::Fd namespace_;
  std::string device_, client_host_, server_host_;
};

}  // namespace testkit
