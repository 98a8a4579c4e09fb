// SPDX-License-Identifier: BSD-3-Clause
//
// A Remote made of libnbd connections to one export: as many as were asked for
// if the server lets clients have several (multi-conn), else one.
//
// Threads: connections live in the loops; one of its own connects again to a
// server that went away.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "connection.hpp"
#include "options.hpp"
#include "remote.hpp"

namespace nbdfuse {

struct RemoteSettings {
  Target target;
  std::optional<std::string> export_name;  // instead of the target's
  unsigned connections = 1;
  bool read_only = false;
  // How long requests wait for a server that is away; not given: not at all.
  std::optional<std::chrono::seconds> reconnect;
};

class NbdRemote final : public Remote {
 public:
  // Connects. The loops stop before this goes.
  NbdRemote(Loops& loops, RemoteSettings settings);
  NbdRemote(const NbdRemote&) = delete;
  NbdRemote& operator=(const NbdRemote&) = delete;

  const Export& exported() const override { return export_; }
  void submit(Request& request) noexcept override;

 private:
  using Clock = std::chrono::steady_clock;
  void add(Handle handle, Replies replies);
  std::string why_not_ours(nbd_handle* handle, Replies replies) const;
  void on_lost(Connection& connection);
  void bring_back(const std::stop_token& stopping);
  enum class Outcome { back, away, other_disk };
  Outcome bring_back_one(Connection& connection, Clock::time_point give_up,
                         const std::stop_token& stopping);
  bool any_is_up() const;
  void spread_waiting() noexcept;

  Loops& loops_;
  const RemoteSettings settings_;
  Export export_;
  std::vector<std::unique_ptr<Connection>> connections_;

  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<Connection*> lost_;  // under mutex_
  bool other_disk_told_ = false;   // the thread's own
  std::jthread bringer_;           // last: stops before the rest goes
};

// Why what is there now cannot stand in for what was there; empty: it can.
std::string why_not_the_same(const Export& before, const Export& now);

}  // namespace nbdfuse
