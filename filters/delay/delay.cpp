// SPDX-License-Identifier: BSD-3-Clause
//
// delay: make requests slow.
//
// A delayed request waits in a worker of its own; others go past it. The wait
// ends early, with ESHUTDOWN, when the server ends or the client is gone.
#include <nbdkit/filter.hpp>

#include <cerrno>
#include <chrono>

namespace {

using nbd::Flags;
using nbd::Next;
using nbd::Op;
using nbd::Status;
using std::chrono::nanoseconds;

class Delay {
 public:
  static constexpr auto name = "delay";
  static constexpr auto longname = "nbdkit delay filter";
  static constexpr auto description = "Delay requests";
  static constexpr auto help =
      "rdelay=<TIME>, delay-read=<TIME>   delay reads, such as 2, 1.5s, 20ms or 100us\n"
      "wdelay=<TIME>                 delay writes, zeroes and trims\n"
      "delay-write=<TIME>            delay writes alone; likewise\n"
      "delay-zero=<TIME>, delay-trim=<TIME>, delay-extents=<TIME>, delay-cache=<TIME>\n"
      "delay-fast-zero=<BOOL>        false: fast zeroes fail at once (default true)\n"
      "delay-open=<TIME>             delay a client that connects\n"
      "delay-close=<TIME>            delay a client that disconnects";

  bool config(std::string_view key, std::string_view value) {
    if (key == "rdelay" || key == "delay-read") {
      read_ = nbd::parse_delay(key, value);
    } else if (key == "wdelay") {
      write_ = zero_ = trim_ = nbd::parse_delay(key, value);
    } else if (key == "delay-write") {
      write_ = nbd::parse_delay(key, value);
    } else if (key == "delay-zero") {
      zero_ = nbd::parse_delay(key, value);
    } else if (key == "delay-trim") {
      trim_ = nbd::parse_delay(key, value);
    } else if (key == "delay-extents") {
      extents_ = nbd::parse_delay(key, value);
    } else if (key == "delay-cache") {
      cache_ = nbd::parse_delay(key, value);
    } else if (key == "delay-fast-zero") {
      fast_zero_ = nbd::parse_bool(value);
    } else if (key == "delay-open") {
      open_ = nbd::parse_delay(key, value);
    } else if (key == "delay-close") {
      close_ = nbd::parse_delay(key, value);
    } else {
      return false;
    }
    return true;
  }

  void open(nbd::OpenRequest&) {
    if (!nbd::sleep(open_).ok()) throw nbd::Error(ESHUTDOWN, "the client went away");
  }
  // A client that just hangs up is gone before this could hold it.
  void closing(Next&) { [[maybe_unused]] const Status ended_early = nbd::sleep(close_); }

  void properties(nbd::Properties& p) const {
    const auto mark = [&](Op op, nanoseconds delay) {
      if (delay > nanoseconds::zero()) p.blocking.insert(op);
    };
    mark(Op::read, read_);
    mark(Op::write, write_);
    mark(Op::zero, zero_);
    mark(Op::trim, trim_);
    mark(Op::extents, extents_);
    mark(Op::cache, cache_);
    if (!fast_zero_) p.can_fast_zero = p.can_zero;  // failing at once is fast
  }

  Status pread(Next& next, std::span<std::byte> buf, uint64_t offset, Flags flags) {
    return after(read_, [&] { return next.pread(buf, offset, flags); });
  }
  Status pwrite(Next& next, std::span<const std::byte> buf, uint64_t offset, Flags flags) {
    return after(write_, [&] { return next.pwrite(buf, offset, flags); });
  }
  Status trim(Next& next, uint64_t count, uint64_t offset, Flags flags) {
    return after(trim_, [&] { return next.trim(count, offset, flags); });
  }
  Status zero(Next& next, uint64_t count, uint64_t offset, Flags flags) {
    if (has(flags, Flags::fast_zero) && !fast_zero_) return Status(EOPNOTSUPP);
    return after(zero_, [&] { return next.zero(count, offset, flags); });
  }
  Status cache(Next& next, uint64_t count, uint64_t offset, Flags flags) {
    return after(cache_, [&] { return next.cache(count, offset, flags); });
  }
  Status extents(Next& next, uint64_t count, uint64_t offset, Flags flags, nbd::Extents& out) {
    if (has(flags, Flags::probe)) return next.extents(count, offset, flags, out);
    return after(extents_, [&] { return next.extents(count, offset, flags, out); });
  }

 private:
  template <class Call>
  static Status after(nanoseconds delay, Call&& call) {
    if (const Status s = nbd::sleep(delay); !s.ok()) return s;
    return call();
  }

  nanoseconds read_{}, write_{}, zero_{}, trim_{}, extents_{}, cache_{}, open_{}, close_{};
  bool fast_zero_ = true;
};

}  // namespace

NBDKIT_FILTER(Delay)
