// SPDX-License-Identifier: BSD-3-Clause
//
// time-limit: a client is served for so long, then its requests fail and the
// connection ends.
//
// A client that asks for nothing is not cut off: there is nobody to notice.
#include <nbdkit/filter.hpp>

#include <cerrno>
#include <chrono>

namespace {

using nbd::Flags;
using nbd::Next;
using nbd::Status;
using Clock = std::chrono::steady_clock;

struct TimeLimit {
  static constexpr auto name = "time-limit";
  static constexpr auto longname = "nbdkit time-limit filter";
  static constexpr auto description = "Limit how long a client is served";
  static constexpr auto help =
      "time-limit=<TIME>             such as 90, 1.5s or 100ms (default 60 seconds; 0: no limit)";

  bool config(std::string_view key, std::string_view value) {
    if (key != "time-limit") return false;
    limit = nbd::parse_delay(key, value);
    return true;
  }

  std::chrono::nanoseconds limit = std::chrono::seconds(60);

  struct Connection {
    static constexpr bool passes_unchanged = true;

    Connection(TimeLimit& filter, Next&)
        : limited(filter.limit.count() > 0), end(Clock::now() + filter.limit) {}

    Status pread(Next& next, std::span<std::byte> buf, uint64_t offset, Flags flags) {
      return is_over() ? over() : next.pread(buf, offset, flags);
    }
    Status pwrite(Next& next, std::span<const std::byte> buf, uint64_t offset, Flags flags) {
      return is_over() ? over() : next.pwrite(buf, offset, flags);
    }
    Status flush(Next& next, Flags flags) { return is_over() ? over() : next.flush(flags); }
    Status trim(Next& next, uint64_t count, uint64_t offset, Flags flags) {
      return is_over() ? over() : next.trim(count, offset, flags);
    }
    Status zero(Next& next, uint64_t count, uint64_t offset, Flags flags) {
      return is_over() ? over() : next.zero(count, offset, flags);
    }
    Status cache(Next& next, uint64_t count, uint64_t offset, Flags flags) {
      return is_over() ? over() : next.cache(count, offset, flags);
    }
    Status extents(Next& next, uint64_t count, uint64_t offset, Flags flags, nbd::Extents& out) {
      return is_over() ? over() : next.extents(count, offset, flags, out);
    }

   private:
    bool is_over() const { return limited && Clock::now() >= end; }
    static Status over() {
      nbdkit_error("time-limit: the client's time is over");
      nbdkit_disconnect(0);
      return Status(ESHUTDOWN);
    }

    const bool limited;
    const Clock::time_point end;
  };
};

}  // namespace

NBDKIT_FILTER(TimeLimit)
