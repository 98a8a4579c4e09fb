// SPDX-License-Identifier: BSD-3-Clause
//
// Threads: the caller's measures; each worker has its lanes for itself and shows
// only atomics. Errors of a worker are read after it has been joined.
#include "bench/measure.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <memory>
#include <thread>

#include "base/error.hpp"
#include "bench/lane.hpp"
#include "bench/placement.hpp"

namespace testkit::bench {

namespace {

using namespace std::chrono_literals;
using Probe = std::function<std::optional<Usage>()>;

// A thread each; more of them would only wait for each other.
constexpr unsigned kMaxConnecting = 256;

void allow_descriptors(unsigned count) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlim_t wanted = rlim_t{count} + 64;
  if (limit.rlim_cur >= wanted) return;
  if (limit.rlim_max < wanted) {
    nbd::fail("{} connections need more descriptors than the limit of {} (ulimit -Hn)", count,
              limit.rlim_max);
  }
  limit.rlim_cur = limit.rlim_max;
  nbd::sys([&] { return ::setrlimit(RLIMIT_NOFILE, &limit); }, "setrlimit RLIMIT_NOFILE");
}

// Threads that work until told to stop, and the figures between two moments.
class Run {
 public:
  using Body = std::function<void(const std::atomic<Phase>&, Worker&)>;

  Run(std::vector<Body> bodies, std::function<void()> abort)
      : abort_(std::move(abort)), workers_(bodies.size()) {
    for (size_t i = 0; i < bodies.size(); ++i) {
      threads_.emplace_back([this, i, body = std::move(bodies[i])] {
        try {
          body(phase_, workers_[i]);
        } catch (const std::exception& error) {
          workers_[i].error = error.what();
          failed_ = true;
        }
      });
    }
  }
  ~Run() { stop(true); }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  Round measure(Duration time, const Probe& probe, const Interrupt& interrupt) {
    wait(time / 5, interrupt);
    phase_ = Phase::measure;
    const auto usage_before = probe();
    const Sum before = sum();
    wait(time, interrupt);
    const Sum after = sum();
    const auto usage_after = probe();
    stop(failed_ || interrupt.requested());
    for (const Worker& worker : workers_) {
      if (!worker.error.empty() && !interrupt.requested()) throw nbd::Error(worker.error);
    }
    if (interrupt.requested()) nbd::fail("interrupted");
    return result(before, after, usage_before, usage_after);
  }

 private:
  struct Sum {
    uint64_t at = 0, requests = 0, bytes = 0;
  };

  Sum sum() const {
    Sum s{now_ns()};
    for (const Worker& worker : workers_) {
      s.requests += worker.requests;
      s.bytes += worker.bytes;
    }
    return s;
  }

  void wait(Duration time, const Interrupt& interrupt) {
    const Deadline end = Deadline::after(time);
    while (!failed_ && !interrupt.requested() && !end.passed()) {
      sleep_until(Deadline::after(20ms).sooner(end), interrupt);
    }
  }

  void stop(bool at_once) {
    phase_ = Phase::stop;
    if (at_once) abort_();
    for (std::jthread& thread : threads_) {
      if (thread.joinable()) thread.join();
    }
  }

  Round result(const Sum& before, const Sum& after, const std::optional<Usage>& usage_before,
               const std::optional<Usage>& usage_after) const {
    const double seconds = static_cast<double>(after.at - before.at) * 1e-9;
    const auto requests = static_cast<double>(after.requests - before.requests);
    if (requests == 0) nbd::fail("no request was answered within {:.3f} s", seconds);
    Histogram latency;
    for (const Worker& worker : workers_) latency.merge(worker.latency);
    Round r;
    r.iops = requests / seconds;
    r.mb_per_s = static_cast<double>(after.bytes - before.bytes) / seconds / 1e6;
    r.p50_us = latency.percentile(50) / 1e3;
    r.p99_us = latency.percentile(99) / 1e3;
    r.p999_us = latency.percentile(99.9) / 1e3;
    if (usage_before && usage_after) {
      r.cpu_us = (usage_after->cpu_seconds - usage_before->cpu_seconds) * 1e6 / requests;
      r.peak_mb = usage_after->peak_kb / 1024;
    }
    return r;
  }

  std::function<void()> abort_;
  std::vector<Worker> workers_;
  std::atomic<Phase> phase_ = Phase::warm_up;
  std::atomic<bool> failed_ = false;
  std::vector<std::jthread> threads_;
};

HandshakeOptions handshake_for(const Workload& w, const RoundOptions& options) {
  return {w.structured, w.kind == Kind::block_status, options.tls};
}

Round measure_lanes(const Address& address, const Workload& w, const RoundOptions& options,
                    const Probe& probe, const Interrupt& interrupt) {
  const Pattern pattern(std::max<size_t>(w.block_size, Replies::kBufferSize));
  std::vector<std::unique_ptr<Lane>> lanes;
  for (unsigned i = 0; i < w.connections; ++i) {
    lanes.push_back(std::make_unique<Lane>(open_session(address, handshake_for(w, options)), w,
                                           pattern, options.verify, i, w.connections));
  }
  if (options.verify) lanes[0]->fill();
  if (options.before) options.before();
  std::vector<std::vector<Lane*>> shares(std::min(options.threads, w.connections));
  for (size_t i = 0; i < lanes.size(); ++i) shares[i % shares.size()].push_back(lanes[i].get());
  std::vector<Run::Body> bodies;
  for (std::vector<Lane*>& share : shares) {
    bodies.emplace_back([&share, &w](const std::atomic<Phase>& phase, Worker& worker) {
      const Placement placement(w.pin, Side::client);
      run_lanes(share, phase, worker);
    });
  }
  Run run(std::move(bodies), [&] {
    for (const auto& lane : lanes) lane->abort();
  });
  return run.measure(options.time, probe, interrupt);
}

// Connects, shakes hands and leaves, again and again.
Round measure_connecting(const Address& address, const Workload& w, const RoundOptions& options,
                         const Probe& probe, const Interrupt& interrupt) {
  if (w.connections > kMaxConnecting) {
    nbd::fail("workload \"{}\": at most {} may connect at once", w.text, kMaxConnecting);
  }
  const auto body = [&](const std::atomic<Phase>& phase, Worker& worker) {
    for (Phase now; (now = phase) != Phase::stop; ++worker.requests) {
      const uint64_t start = now_ns();
      const Session session = open_session(address, handshake_for(w, options));
      if (now == Phase::measure) worker.latency.add(now_ns() - start);
      send_disconnect(session);
    }
  };
  Run run(std::vector<Run::Body>(w.connections, body), [] {});
  return run.measure(options.time, probe, interrupt);
}

// Holds connections that do nothing; one more client then reads.
Round measure_idle(const Address& address, const Workload& w, const RoundOptions& options,
                   const Probe& probe, const Interrupt& interrupt) {
  allow_descriptors(w.connections);
  open_session(address, {.tls = options.tls});  // what the first client costs once
  const auto before = probe();
  std::vector<Session> held;
  for (unsigned i = 0; i < w.connections; ++i) {
    if (interrupt.requested()) nbd::fail("interrupted");
    try {
      held.push_back(open_session(address, {.tls = options.tls}));
    } catch (const nbd::Error& error) {
      nbd::fail("connection {} of {}: {}", i + 1, w.connections, error.what());
    }
  }
  const auto after = probe();
  Workload one = w;
  one.kind = Kind::transfer;
  one.connections = 1;
  Round r = measure_lanes(address, one, options, probe, interrupt);
  if (before && after) {
    r.kb_per_connection = (after->memory_kb - before->memory_kb) / w.connections;
  }
  for (const Session& session : held) send_disconnect(session);
  return r;
}

}  // namespace

Round measure(const Address& address, const Workload& w, const RoundOptions& options,
              const Probe& probe, const Interrupt& interrupt) {
  switch (w.kind) {
    case Kind::connect: return measure_connecting(address, w, options, probe, interrupt);
    case Kind::idle: return measure_idle(address, w, options, probe, interrupt);
    case Kind::start: nbd::fail("workload \"{}\": needs a --server, to start it", w.text);
    case Kind::transfer:
    case Kind::block_status: break;
  }
  allow_descriptors(w.connections);
  return measure_lanes(address, w, options, probe, interrupt);
}

}  // namespace testkit::bench
