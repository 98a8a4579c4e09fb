// SPDX-License-Identifier: BSD-3-Clause
//
// The servers of one round: those of the scenario, by name, and what its steps do
// to their processes. The one that clients talk to has the name "".
//
// Threads: start_all() and stop() in the round's thread; the rest in any, one
// call at a time: steps of clients that run together meet here.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "proxy/written.hpp"
#include "run/captive-server.hpp"
#include "run/content.hpp"
#include "run/long-thread.hpp"
#include "run/result.hpp"

namespace testkit {

class Servers {
 public:
  struct Place {
    std::string nbdkit;                // the program
    std::string socket_stem;           // of sockets: each adds to it
    std::string directory;             // where they run
    std::string log_stem;              // of logs, ".log" follows
    std::string host = "127.0.0.1";    // of tcp
    std::vector<std::string> wrapper;  // for their command lines
  };

  Servers(const Scenario& scenario, Transport transport, Place place, DiskModel& model,
          proxy::WrittenDisk& written, const Interrupt& interrupt)
      : scenario_(scenario),
        transport_(transport),
        place_(std::move(place)),
        model_(model),
        written_(written),
        interrupt_(interrupt) {}

  // All of them, the others first. Their addresses become variables: $uri and so
  // on, $uri_NAME of the others. False, with an action that says why, if one does
  // not start.
  bool start_all(Variables& variables, const Deadline& deadline, std::vector<Action>& actions);
  // Of the main server.
  const Endpoint& endpoint() const { return endpoint_; }
  const std::string& export_name() const { return scenario_.server.export_name; }
  // Where a step connects to: another server of this name.
  const Endpoint& endpoint_of(const std::string& name) const { return running_.at(name).endpoint; }

  const std::string& export_of(const std::string& name) const {
    return running_.at(name).server.export_name;
  }

  // Throws an Error if it cannot be done.
  void perform(const ProcessFault& fault, const Deadline& deadline);

  // Ends them all: what went wrong with which, empty if nothing did.
  struct Trouble {
    std::string server, what;
    std::vector<std::string> log;
  };
  std::vector<Trouble> stop();
  std::vector<std::string> last_log_lines(size_t count) const;  // of the main server
  std::string log() const;                                      // likewise

 private:
  struct Running {
    Server server;
    Endpoint endpoint;
    std::optional<CaptiveServer> process;  // none: it exists on its own
    bool may_have_ended = false;           // a step has seen to that
  };
  void start(const std::string& name, const Server& server, const Deadline& deadline,
             std::vector<Action>& actions);
  ServerPlace place_of(const std::string& name) const;
  Running& named(const std::string& name);
  void end(Running& running, int signal, const Deadline& deadline);
  void restart(const std::string& name, Running& running, const ProcessFault& fault,
               const Deadline& deadline);

  const Scenario& scenario_;
  const Transport transport_;
  const Place place_;
  DiskModel& model_;
  proxy::WrittenDisk& written_;  // of the main server
  const Interrupt& interrupt_;
  Variables variables_;
  Endpoint endpoint_;
  std::mutex mutex_;
  std::map<std::string, Running> running_;  // nothing is taken out while clients run
  std::vector<std::string> order_;
  LongThread starting_;  // starts servers again
};

// What a disk holds before anybody writes, where we can know it.
Content initial_content(const Server& server);

}  // namespace testkit
