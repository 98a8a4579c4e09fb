// SPDX-License-Identifier: BSD-3-Clause
//
// What the fault filters of one stack share: the seed, the state that rules ask for
// and set, the log of what happened, and the clock.
//
// Threads: set_seed(), set_log() and get_ready() at the start, in one; the others in
// any.
#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/fd.hpp"
#include "control/json-writer.hpp"

namespace nbd::filters {

class FaultStack {
 public:
  static constexpr std::string_view kFirstState = "start";

  // The one of this server.
  static FaultStack& get();

  // Each throws an Error if it was given before.
  void set_seed(uint64_t seed);
  void set_log(std::string path);
  // Opens the log; fixes the seed, and says so once if some filter draws. Throws an
  // Error that names the file.
  void get_ready(bool draws);

  uint64_t seed() const { return *seed_; }
  std::chrono::nanoseconds time() const { return std::chrono::steady_clock::now() - start_; }

  std::string state() const;
  void set_state(std::string state);

  bool logs() const { return static_cast<bool>(log_); }
  // A line of the log: its time, and this.
  void log(const JsonObject& event);

 private:
  std::optional<uint64_t> seed_;
  bool is_ready_ = false, told_ = false;
  std::string log_path_;
  Fd log_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  mutable std::mutex mutex_;  // over state_
  std::string state_{kFirstState};
};

}  // namespace nbd::filters
