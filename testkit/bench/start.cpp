// SPDX-License-Identifier: BSD-3-Clause
#include "bench/start.hpp"

#include <signal.h>
#include <sys/resource.h>

#include <thread>

#include "base/error.hpp"
#include "base/process.hpp"
#include "base/temp-dir.hpp"
#include "bench/lane.hpp"
#include "bench/stats.hpp"
#include "run/files.hpp"

namespace testkit::bench {

namespace {

using namespace std::chrono_literals;

// How exact the figure is; to look costs a few microseconds.
constexpr auto kLook = 50us;
constexpr auto kPatience = 20s;

// Of the children that have ended.
double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_CHILDREN, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

bool is_greeted(const std::string& socket) {
  try {
    open_session({socket, "", "", ""}, {});
    return true;
  } catch (const nbd::Error& error) {
    if (error.errnum() != ENOENT && error.errnum() != ECONNREFUSED) throw;
    return false;
  }
}

// Nanoseconds until it has greeted.
uint64_t start_once(const std::string& command, const nbd::TempDir& dir) {
  const std::string socket = dir / "socket";
  const nbd::Fd log = create_file(dir / "log");
  const uint64_t start = now_ns();
  nbd::Child server = nbd::spawn({.argv = {"/bin/sh", "-c", "exec " + command},
                                  .env = {"unixsocket=" + socket},
                                  .stdout_fd = log.get(),
                                  .stderr_fd = log.get(),
                                  .own_group = true,
                                  .parent_death_signal = SIGTERM});
  while (!is_greeted(socket)) {
    if (server.wait_for(0ms)) {
      nbd::fail("the server ended before it listened ({})\n{}", server.ended()->describe(),
                read_file(dir / "log", 4096));
    }
    if (now_ns() - start > static_cast<uint64_t>(std::chrono::nanoseconds(kPatience).count())) {
      nbd::fail("the server does not listen after {} s", kPatience.count());
    }
    std::this_thread::sleep_for(kLook);
  }
  const uint64_t ready = now_ns() - start;
  server.kill(SIGTERM);
  server.wait();
  ::unlink(socket.c_str());  // not all servers do
  return ready;
}

}  // namespace

Round measure_start(const std::string& command, const RoundOptions& options,
                    const Interrupt& interrupt) {
  const nbd::TempDir dir("tkb");
  start_once(command, dir);  // what the first reads from the disk, others find in memory
  Histogram latency;
  const double cpu = cpu_seconds();
  const uint64_t begin = now_ns();
  const auto time = static_cast<uint64_t>(std::chrono::nanoseconds(options.time).count());
  while (now_ns() - begin < time) {
    if (interrupt.requested()) nbd::fail("interrupted");
    latency.add(start_once(command, dir));
  }
  const auto starts = static_cast<double>(latency.total());
  Round r;
  r.iops = starts / (static_cast<double>(now_ns() - begin) * 1e-9);
  r.p50_us = latency.percentile(50) / 1e3;
  r.p99_us = latency.percentile(99) / 1e3;
  r.p999_us = latency.percentile(99.9) / 1e3;
  r.cpu_us = (cpu_seconds() - cpu) * 1e6 / starts;
  return r;
}

}  // namespace testkit::bench
