// SPDX-License-Identifier: BSD-3-Clause
//
// error: fail some requests, to see what a client makes of it.
//
// Each kind of request has its own settings and its own count. Whether the Nth
// request of a kind fails depends on the seed, the kind and N alone, never on
// the time or on what other threads do, so a client that asks for the same
// things in the same order gets the same answers again.
//
// Threads: settings are fixed before the first client; the counts are atomic.
#include <nbdkit/filter.hpp>

#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <optional>
#include <random>
#include <string>

#include "base/mix.hpp"

namespace {

using nbd::Flags;
using nbd::Next;
using nbd::Status;

struct Errno {
  const char* name;
  int errnum;
};
constexpr std::array<Errno, 6> kErrnos{{{"EPERM", EPERM},
                                        {"EIO", EIO},
                                        {"ENOMEM", ENOMEM},
                                        {"EINVAL", EINVAL},
                                        {"ENOSPC", ENOSPC},
                                        {"ESHUTDOWN", ESHUTDOWN}}};

// The kinds of request, by the names that the parameters have for them.
enum Kind : size_t { kRead, kWrite, kTrim, kZero, kExtents, kCache, kKinds };
constexpr std::array<const char*, kKinds> kKindNames{"pread", "pwrite",  "trim",
                                                     "zero",  "extents", "cache"};

constexpr std::array<nbd::Op, kKinds> kOps{nbd::Op::read, nbd::Op::write,   nbd::Op::trim,
                                           nbd::Op::zero, nbd::Op::extents, nbd::Op::cache};

struct Settings {
  Errno error = kErrnos[1];
  double rate = 0;
  uint64_t nth = 0;  // 0: no single request
  std::string file;  // only while it exists
};

// A number in [0, 1) from (seed, stream, index).
double draw(uint64_t seed, uint64_t stream, uint64_t index) {
  return static_cast<double>(nbd::nth_mix(seed + (stream << 56), index) >> 11) * 0x1p-53;
}

class ErrorFilter {
 public:
  static constexpr auto name = "error";
  static constexpr auto longname = "nbdkit error filter";
  static constexpr auto description = "Inject errors for testing clients";
  static constexpr auto help =
      "error=EPERM|EIO|ENOMEM|EINVAL|ENOSPC|ESHUTDOWN   what a failed request gets (default EIO)\n"
      "error-rate=<PROBABILITY>      how many fail, such as 10% or 0.1 (default 0)\n"
      "error-nth=<N>                 the Nth request of each kind fails\n"
      "error-file=<FILENAME>         only while this file exists\n"
      "error-<KIND>=..., error-<KIND>-rate=..., error-<KIND>-nth=..., error-<KIND>-file=...\n"
      "                              the same for one kind: pread, pwrite, trim, zero, extents,\n"
      "                              cache\n"
      "error-seed=<N>                the same seed fails the same requests";

  bool config(std::string_view key, std::string_view value) {
    if (key == "error-seed") {
      seed_ = nbd::parse_uint64("error-seed", value);
      return true;
    }
    constexpr std::string_view kPrefix = "error";
    if (!key.starts_with(kPrefix)) return false;
    std::string_view rest = key.substr(kPrefix.size());
    if (set(rest, key, value, settings_)) return true;
    if (!rest.starts_with('-')) return false;
    rest.remove_prefix(1);
    for (size_t kind = 0; kind < kKinds; ++kind) {
      const std::string_view kind_name = kKindNames[kind];
      if (!rest.starts_with(kind_name)) continue;
      return set(rest.substr(kind_name.size()), key, value, std::span(&settings_[kind], 1));
    }
    return false;
  }

  void get_ready() {
    if (!seed_) seed_ = (uint64_t{std::random_device{}()} << 32) | std::random_device{}();
    nbd::log_debug("error-inject: error-seed=" + std::to_string(*seed_));
  }

  Status pread(Next& next, std::span<std::byte> buf, uint64_t offset, Flags flags) {
    if (const Status s = maybe_fail(kRead); !s.ok()) return s;
    return next.pread(buf, offset, flags);
  }
  Status pwrite(Next& next, std::span<const std::byte> buf, uint64_t offset, Flags flags) {
    if (const Status s = maybe_fail(kWrite); !s.ok()) return s;
    return next.pwrite(buf, offset, flags);
  }
  Status trim(Next& next, uint64_t count, uint64_t offset, Flags flags) {
    if (const Status s = maybe_fail(kTrim); !s.ok()) return s;
    return next.trim(count, offset, flags);
  }
  Status zero(Next& next, uint64_t count, uint64_t offset, Flags flags) {
    if (const Status s = maybe_fail(kZero); !s.ok()) return s;
    return next.zero(count, offset, flags);
  }
  Status cache(Next& next, uint64_t count, uint64_t offset, Flags flags) {
    if (const Status s = maybe_fail(kCache); !s.ok()) return s;
    return next.cache(count, offset, flags);
  }
  Status extents(Next& next, uint64_t count, uint64_t offset, Flags flags, nbd::Extents& out) {
    if (has(flags, Flags::probe)) return next.extents(count, offset, flags, out);
    if (const Status s = maybe_fail(kExtents); !s.ok()) return s;
    return next.extents(count, offset, flags, out);
  }

 private:
  // What stands behind "error" or "error-KIND" says which setting it is.
  static bool set(std::string_view what, std::string_view key, std::string_view value,
                  std::span<Settings> targets) {
    if (what.empty()) {
      const Errno error = parse_errno(key, value);
      for (Settings& s : targets) s.error = error;
    } else if (what == "-rate") {
      const double rate = nbd::parse_probability(key, value);
      if (rate > 1) {
        throw nbd::Error(std::string(key) + ": a rate is at most 1 (100%), got \"" +
                         std::string(value) + "\"");
      }
      for (Settings& s : targets) s.rate = rate;
    } else if (what == "-nth") {
      const uint64_t nth = nbd::parse_uint64(key, value);
      if (nth == 0) throw nbd::Error(std::string(key) + ": requests are counted from 1, got \"0\"");
      for (Settings& s : targets) s.nth = nth;
    } else if (what == "-file") {
      const std::string path = nbd::absolute_path(value);
      for (Settings& s : targets) s.file = path;
    } else {
      return false;
    }
    return true;
  }

  static Errno parse_errno(std::string_view key, std::string_view value) {
    for (const Errno& e : kErrnos) {
      if (value == e.name) return e;
    }
    throw nbd::Error(std::string(key) + ": expected EPERM, EIO, ENOMEM, EINVAL, ENOSPC or " +
                     "ESHUTDOWN, got \"" + std::string(value) + "\"");
  }

  // As the client sent it; requests that a filter above makes up are counted
  // here, far away from those.
  uint64_t number_of(Kind kind) {
    if (const uint64_t arrival = nbd::request_arrival(kOps[kind])) return arrival;
    constexpr uint64_t kFar = uint64_t{1} << 62;
    return kFar + counts_[kind].fetch_add(1, std::memory_order_relaxed);
  }

  Status maybe_fail(Kind kind) {
    const Settings& s = settings_[kind];
    const uint64_t number = number_of(kind);
    if (s.nth != number && (s.rate <= 0 || draw(*seed_, kind, number) >= s.rate)) return nbd::kOk;
    if (!s.file.empty() && ::access(s.file.c_str(), F_OK) != 0) return nbd::kOk;
    nbdkit_error("injecting %s error into %s", s.error.name, kKindNames[kind]);
    return Status(s.error.errnum);
  }

  std::array<Settings, kKinds> settings_;
  std::array<std::atomic<uint64_t>, kKinds> counts_{};
  std::optional<uint64_t> seed_;
};

}  // namespace

NBDKIT_FILTER(ErrorFilter)
