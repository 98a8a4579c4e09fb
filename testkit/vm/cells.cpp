// SPDX-License-Identifier: BSD-3-Clause
//
// Threads: the caller's waits for the guest; a second one reads the lines that the guest writes,
// and calls done(). Cells that are open are touched by the second alone while it lives.
#include "vm/cells.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/temp-dir.hpp"
#include "run/files.hpp"
#include "vm/guest.hpp"
#include "vm/result-line.hpp"

namespace testkit::vm {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// For all cells of a guest together, beyond what each may take: each has its own limit inside.
constexpr auto kOverhead = std::chrono::seconds(60);
constexpr size_t kMaxStderr = 1u << 20;

// Threads and memory of a sanitizer need more addresses than UML has.
constexpr bool kSanitized =
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    true;
#else
    false;
#endif
#else
    false;
#endif

enum class Progress { waiting, running, over };

class GuestRun {
 public:
  GuestRun(const CellsInGuest& cells, const RunOptions& options, const Interrupt& interrupt,
           const std::function<void(size_t, CellResult)>& done)
      : cells_(cells),
        options_(options),
        interrupt_(interrupt),
        done_(done),
        progress_(cells.jobs.size(), Progress::waiting) {}

  void run() {
    std::string no_guest;
    for (const Backend backend : backends_for("auto")) {
      if (!usable(backend, no_guest)) continue;
      while (any(Progress::waiting)) {
        const size_t before = count(Progress::over);
        const GuestEnd end = run_one(backend);
        if (!end.started && end.kind != GuestEnd::Kind::interrupted) {
          note(no_guest, fmt::format("{}: {}", name_of(backend), end.trouble));
          break;
        }
        fail_those_running(end);
        // One that does not even begin a cell would not in another guest either.
        if (count(Progress::over) == before) return fail_all(end);
        if (interrupt_.requested()) break;
      }
      if (!any(Progress::waiting) || interrupt_.requested()) break;
    }
    skip_rest(interrupt_.requested() ? "interrupted" : "no guest can be booted: " + no_guest);
  }

 private:
  static void note(std::string& all, const std::string& reason) {
    all += (all.empty() ? "" : "; ") + reason;
  }

  static bool usable(Backend backend, std::string& no_guest) {
    std::string reason = why_not(backend);
    if (kSanitized && backend == Backend::uml) reason = "cannot run a build with sanitizers";
    if (!reason.empty()) note(no_guest, fmt::format("{}: {}", name_of(backend), reason));
    return reason.empty();
  }

  size_t count(Progress p) const {
    return static_cast<size_t>(std::count(progress_.begin(), progress_.end(), p));
  }
  bool any(Progress p) const { return count(p) > 0; }

  // What run_cells() reads. The guest sees our files by the same names.
  std::string list() const {
    Json cells = Json::array();
    for (size_t i = 0; i < progress_.size(); ++i) {
      if (progress_[i] != Progress::waiting) continue;
      const Job& job = cells_.jobs[i];
      cells.push_back({{"index", i}, {"file", job.file->path}, {"cell", job.cell->number}});
    }
    return Json{{"seed", cells_.run_seed},
                {"nbdkit", options_.nbdkit},
                {"timeout", options_.timeout.count()},
                {"keep_logs", options_.keep_logs},
                {"retries", options_.retries},
                {"trace", options_.trace},
                {"workers", cells_.workers},
                {"cells", cells}}
        .dump();
  }

  Duration limit() const {
    Duration all = kOverhead;
    for (size_t i = 0; i < progress_.size(); ++i) {
      const auto& own = cells_.jobs[i].cell->scenario.within;
      if (progress_[i] == Progress::waiting) all += own.value_or(options_.timeout);
    }
    return all;
  }

  GuestCommand command(const std::string& list_path) const {
    GuestCommand command;
    command.argv = {nbd::executable_directory() + "/testkit", "run-cells", list_path};
    command.env = own_environment();
    command.directory = nbd::current_directory();
    if (!options_.keep_logs.empty()) {
      fs::create_directories(options_.keep_logs);
      command.shares.push_back(fs::canonical(options_.keep_logs).string());
    }
    for (const Job& job : cells_.jobs) {
      for (const std::string& module : job.cell->scenario.needs.modules) {
        if (std::find(command.modules.begin(), command.modules.end(), module) ==
            command.modules.end()) {
          command.modules.push_back(module);
        }
      }
    }
    command.timeout = limit();
    return command;
  }

  GuestEnd run_one(Backend backend) {
    const nbd::TempDir temp("tkc");
    std::ofstream(temp / "cells") << list();
    const nbd::Fd err = create_file(temp / "err");
    int ends[2];
    nbd::sys([&] { return ::pipe2(ends, O_CLOEXEC); }, "pipe");
    const nbd::Fd results(ends[0]);
    nbd::Fd far_end(ends[1]);
    GuestCommand command = this->command(temp / "cells");
    command.out_fd = far_end.get();
    command.err_fd = err.get();
    GuestEnd end;
    {
      const std::jthread reader([&] { read_lines(results.get()); });
      try {
        end = run_guest(backend, command, interrupt_);
      } catch (const std::exception& error) {
        end.trouble = error.what();
      }
      far_end.reset();  // now the reader sees the end
    }
    if (end.kind == GuestEnd::Kind::exited && end.code != 0) {
      end.trouble = fmt::format("testkit in the guest ended with status {}", end.code);
      end.console = last_lines(read_file(temp / "err", kMaxStderr), 10);
    }
    return end;
  }

  void read_lines(int fd) {
    std::string text;
    char block[16 << 10];
    for (;;) {
      const ssize_t n = nbd::retry_eintr([&] { return ::read(fd, block, sizeof block); });
      if (n <= 0) return;
      text.append(block, static_cast<size_t>(n));
      for (size_t end; (end = text.find('\n')) != std::string::npos; text.erase(0, end + 1)) {
        if (auto line = parse_line(text.substr(0, end))) take(std::move(*line));
      }
    }
  }

  void take(ResultLine line) {
    if (line.index >= progress_.size() || progress_[line.index] == Progress::over) return;
    if (line.result) {
      finish(line.index, std::move(*line.result));
    } else {
      progress_[line.index] = Progress::running;
    }
  }

  void finish(size_t index, CellResult result) {
    progress_[index] = Progress::over;
    done_(index, std::move(result));
  }

  static CellResult dead(const GuestEnd& end) {
    CellResult result;
    result.verdict = Verdict::failed;
    result.actions.push_back({"guest", "goes on", end.trouble, {}, false, {}});
    for (const std::string& line : end.console) {
      result.actions[0].details.push_back("console  " + line);
    }
    return result;
  }

  void fail_those_running(const GuestEnd& end) {
    for (size_t i = 0; i < progress_.size(); ++i) {
      if (progress_[i] != Progress::running) continue;
      progress_[i] = Progress::waiting;
      if (end.kind != GuestEnd::Kind::interrupted) finish(i, dead(end));
    }
  }

  void fail_all(const GuestEnd& end) {
    for (size_t i = 0; i < progress_.size(); ++i) {
      if (progress_[i] != Progress::over) finish(i, dead(end));
    }
  }

  void skip_rest(const std::string& reason) {
    for (size_t i = 0; i < progress_.size(); ++i) {
      if (progress_[i] == Progress::over) continue;
      CellResult result;
      result.verdict = Verdict::skipped;
      result.skip_reason = reason;
      finish(i, std::move(result));
    }
  }

  const CellsInGuest& cells_;
  const RunOptions& options_;
  const Interrupt& interrupt_;
  const std::function<void(size_t, CellResult)>& done_;
  std::vector<Progress> progress_;
};

}  // namespace

void run_cells_in_guest(const CellsInGuest& cells, const RunOptions& options,
                        const Interrupt& interrupt,
                        const std::function<void(size_t, CellResult)>& done) {
  GuestRun(cells, options, interrupt, done).run();
}

}  // namespace testkit::vm
