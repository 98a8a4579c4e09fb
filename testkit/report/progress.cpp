// SPDX-License-Identifier: BSD-3-Clause
#include "report/progress.hpp"

#include <fmt/format.h>

namespace testkit {

namespace {

using namespace std::chrono_literals;

// A terminal need not be told of each of a thousand quick cells; a log is read by the line.
constexpr Duration kTerminalPause = 100ms, kLogPause = 10s;

std::string rough_time(Duration time) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(time).count();
  if (seconds < 100) return fmt::format("{} s", seconds);
  return fmt::format("{} min", (seconds + 59) / 60);
}

}  // namespace

std::string progress_text(const ProgressState& state) {
  std::string out = fmt::format("{}/{} done, {} failed", state.done, state.total, state.failed);
  const bool enough = state.done >= 3 && state.since_start >= 1s;
  if (enough && state.done < state.total) {
    const double left = static_cast<double>(state.total - state.done);
    const double each =
        static_cast<double>(state.since_start.count()) / static_cast<double>(state.done);
    out += fmt::format(", {} left", rough_time(Duration(static_cast<int64_t>(each * left))));
  }
  return out;
}

void Progress::start(size_t total) {
  state_.total = total;
  start_ = shown_ = Clock::now();
}

void Progress::cell_done(bool failed) {
  ++state_.done;
  state_.failed += failed ? 1 : 0;
  const auto now = Clock::now();
  state_.since_start = now - start_;
  if (state_.done == state_.total) return;  // the totals follow
  // A line that was erased for something else comes back at once.
  const bool due =
      terminal_ ? !visible_ || now - shown_ >= kTerminalPause : now - shown_ >= kLogPause;
  if (!due) return;
  shown_ = now;
  if (terminal_) {
    fmt::print(out_, "\r\033[K{}", progress_text(state_));
    visible_ = true;
  } else {
    fmt::print(out_, "{}\n", progress_text(state_));
  }
  std::fflush(out_);
}

void Progress::erase() {
  if (!visible_) return;
  std::fputs("\r\033[K", out_);
  visible_ = false;
}

}  // namespace testkit
