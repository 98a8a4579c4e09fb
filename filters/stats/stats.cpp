// SPDX-License-Identifier: BSD-3-Clause
//
// stats: how many requests there were, how large, and how long they took.
//
// Threads: any; each kind of request is counted under a lock of its own.
#include "../every-request.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <chrono>

#include "../common.hpp"
#include "base/error.hpp"
#include "base/fd.hpp"
#include "base/parse.hpp"
#include "control/control.hpp"
#include "stats/tally.hpp"

namespace {

using nbd::Status;
using nbd::filters::Arguments;
using nbd::filters::JsonObject;
using Clock = std::chrono::steady_clock;

class Stats : public nbd::filters::EveryRequest<Stats> {
 public:
  static constexpr auto name = "stats";
  static constexpr auto longname = "nbdkit stats filter";
  static constexpr auto description = "Count requests and how long they take";
  static constexpr auto help =
      "statsfile=<FILENAME>          (required, unless there is control=) written at the end\n"
      "statsappend=<BOOL>            true: behind what it has (default false)\n"
      "statsformat=text|json         for people (default), or one line for programs\n"
      "statsthreshold=<PERCENT>      text: tell the sizes of so many requests (default 95; 0:\n"
      "                              none)\n" NBD_CONTROL_HELP;
  static constexpr bool passes_unchanged = true;

  Stats() {
    control_.add({.name = "get",
                  .arguments = {},
                  .help = "what has been counted so far",
                  .run = [this](const Arguments&, JsonObject& answer) {
                    answer.append(report_json(tallies_, elapsed()));
                  }});
    control_.add({.name = "reset",
                  .arguments = {},
                  .help = "count from zero again",
                  .run = [this](const Arguments&, JsonObject&) {
                    for (auto& tally : tallies_) tally.reset();
                    began_ = Clock::now().time_since_epoch();
                  }});
  }

  bool config(std::string_view key, std::string_view value) {
    if (control_.config(key, value)) return true;
    if (key == "statsfile") {
      path_ = nbd::absolute_path(value);
    } else if (key == "statsappend") {
      append_ = nbd::parse_bool(value);
    } else if (key == "statsformat") {
      json_ = nbd::filters::one_of<bool>(key, value, {{"text", false}, {"json", true}});
    } else if (key == "statsthreshold") {
      threshold_ = static_cast<unsigned>(nbd::parse_unsigned(key, value, 100));
    } else {
      return false;
    }
    return true;
  }
  void config_complete() const {
    if (path_.empty() && !control_.is_used()) {
      throw nbd::Error("stats: give a file: statsfile=<FILENAME>");
    }
  }
  void get_ready() {
    began_ = Clock::now().time_since_epoch();
    if (path_.empty()) return;
    const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | (append_ ? O_APPEND : O_TRUNC);
    file_ = nbd::Fd(
        nbd::sys([&] { return ::open(path_.c_str(), flags, 0666); }, "statsfile={}", path_));
  }
  void after_fork() { control_.after_fork(); }
  void cleanup() noexcept {
    control_.cleanup();
    if (!file_) return;
    try {
      write(json_ ? report_json(tallies_, elapsed()).text() + "\n"
                  : report_text(tallies_, elapsed(), threshold_));
    } catch (const std::exception& e) {
      nbdkit_error("stats: %s", e.what());
    }
  }

  template <class Call>
  Status around(const nbd::Announcement& request, Call&& call) {
    const auto start = Clock::now();
    const Status s = call();
    tallies_[static_cast<size_t>(request.op)].add(request, s, Clock::now() - start);
    return s;
  }

 private:
  std::chrono::duration<double> elapsed() const {
    return Clock::now().time_since_epoch() - began_.load();
  }
  void write(std::string_view rest) const {
    while (!rest.empty()) {
      const ssize_t n = nbd::sys([&] { return ::write(file_.get(), rest.data(), rest.size()); },
                                 "statsfile={}", path_);
      rest.remove_prefix(static_cast<size_t>(n));
    }
  }

  nbd::filters::Control control_{"stats"};
  std::string path_;
  bool append_ = false, json_ = false;
  unsigned threshold_ = 95;
  nbd::Fd file_;
  std::atomic<Clock::duration> began_{};
  nbd::filters::Tallies tallies_;
};

}  // namespace

NBDKIT_FILTER(Stats)
