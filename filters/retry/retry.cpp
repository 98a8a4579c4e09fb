// SPDX-License-Identifier: BSD-3-Clause
//
// retry: when a request fails, the plugin is closed and opened again, and the
// request made once more.
//
// Threads: requests run in parallel. Those that fail together have the plugin
// reopened once, see reopenable.hpp.
#include "../every-request.hpp"

#include "../common.hpp"
#include "retry/backoff.hpp"
#include "retry/reopenable.hpp"

namespace {

using nbd::Announcement;
using nbd::Disk;
using nbd::Flags;
using nbd::Op;
using nbd::Status;
using nbd::filters::Backoff;

struct Settings {
  Backoff backoff{.retries = 5, .exponential = true};
  bool then_read_only = false;
};

bool changes_data(Op op) { return op == Op::write || op == Op::trim || op == Op::zero; }

// Another disk may have come back than the one that went: what the client has been
// promised has to be kept by it, or the request fails.
Status fits(const nbd::Properties& p, const Announcement& request) {
  if (changes_data(request.op) && !p.can_write) return Status(EROFS);
  if (request.count > p.size || request.offset > p.size - request.count) return Status(EIO);
  if (has(request.flags, Flags::fua) && p.can_fua == nbd::Support::none) return Status(EIO);
  switch (request.op) {
    case Op::read:
    case Op::write: return nbd::kOk;
    case Op::flush: return p.can_flush ? nbd::kOk : Status(EIO);
    case Op::trim: return p.can_trim ? nbd::kOk : Status(EIO);
    case Op::zero:
      if (has(request.flags, Flags::fast_zero) && !p.can_fast_zero) return Status(EOPNOTSUPP);
      return p.can_zero ? nbd::kOk : Status(EIO);
    case Op::cache: return p.can_cache != nbd::Support::none ? nbd::kOk : Status(EIO);
    case Op::extents: return p.can_extents ? nbd::kOk : Status(EIO);
  }
  return Status(EIO);
}

class RetryDisk final : public nbd::filters::DiskAround<RetryDisk> {
 public:
  RetryDisk(const Settings& settings, nbd::Layer& below, const nbd::OpenRequest& request)
      : RetryDisk(settings, below, request, settings.backoff.open(below, request)) {}

  template <class Call>
  Status around(const Announcement& request, Call&& call) {
    uint64_t generation = 0;
    return settings_.backoff.run(
        request,
        [&] {
          return disk_.use(generation, [&](Disk& disk) {
            const Status s = fits(disk.properties(), request);
            return s.ok() ? call(disk) : s;
          });
        },
        [&](uint64_t) { disk_.reopen(generation, [this] { return open_again(); }); });
  }
  std::string description() override { return description_; }

 private:
  RetryDisk(const Settings& settings, nbd::Layer& below, const nbd::OpenRequest& request,
            std::unique_ptr<Disk> first)
      : settings_(settings),
        below_(below),
        request_(request),
        description_(first->description()),
        disk_(nullptr) {
    properties_ = first->properties();
    // These look at one disk, which may be gone.
    properties_.tries_reads = properties_.tells_holes = properties_.wants_announcements = false;
    properties_.blocking = nbd::OpSet::all();
    disk_.reopen(0, [&] { return std::move(first); });
  }

  // nullptr after a message: the next try is counted like any other.
  std::unique_ptr<Disk> open_again() noexcept {
    try {
      nbdkit_debug("retry: opening the plugin again");
      nbd::OpenRequest request = request_;
      request.read_only = request.read_only || settings_.then_read_only;
      return below_.open(request);
    } catch (...) {
      nbd::detail::report_current_exception();
      return nullptr;
    }
  }

  const Settings& settings_;
  nbd::Layer& below_;
  const nbd::OpenRequest request_;
  const std::string description_;
  nbd::filters::Reopenable disk_;
};

class Retry {
 public:
  static constexpr auto name = "retry";
  static constexpr auto longname = "nbdkit retry filter";
  static constexpr auto description = "Open the plugin again when something fails";
  static constexpr auto help =
      "retries=<N>                   how often a request is tried again (default 5)\n"
      "retry-delay=<TIME>            the pause before that (default 2 seconds)\n"
      "retry-exponential=<BOOL>      each pause is twice the last (default true)\n"
      "retry-readonly=<BOOL>         open it read-only then (default false)";

  bool config(std::string_view key, std::string_view value) {
    if (key == "retries") {
      settings_.backoff.retries = nbd::parse_uint64(key, value);
    } else if (key == "retry-delay") {
      settings_.backoff.delay = nbd::parse_delay(key, value);
    } else if (key == "retry-exponential") {
      settings_.backoff.exponential = nbd::parse_bool(value);
    } else if (key == "retry-readonly") {
      settings_.then_read_only = nbd::parse_bool(value);
    } else {
      return false;
    }
    return true;
  }
  std::unique_ptr<Disk> open_below(nbd::Layer& below, const nbd::OpenRequest& request) {
    return std::make_unique<RetryDisk>(settings_, below, request);
  }

 private:
  Settings settings_;
};

}  // namespace

NBDKIT_FILTER(Retry)
