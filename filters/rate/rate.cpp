// SPDX-License-Identifier: BSD-3-Clause
//
// rate: so many bits in a second, for each connection or for all together.
//
// Reads and writes are limited each by themselves. A request waits in a worker of its
// own; what has no data (a flush, zeroes) goes past.
//
// Threads: buckets have locks, limits are atomic.
// The file of a limit is looked at by whichever request comes when it is time.
#include <nbdkit/filter.hpp>

#include <array>
#include <atomic>

#include "../list-file.hpp"
#include "base/parse.hpp"
#include "control/control.hpp"
#include "rate/bucket.hpp"

namespace {

using nbd::Flags;
using nbd::Next;
using nbd::Status;
using nbd::filters::Arguments;
using nbd::filters::Bucket;
using nbd::filters::JsonObject;
using Clock = Bucket::Clock;

uint64_t parse_rate(std::string_view key, std::string_view value) {
  const uint64_t bits = nbd::parse_size(key, value);
  if (bits == 0) throw nbd::Error(std::string(key) + ": a rate of 0 lets nothing pass");
  return bits;
}

// "rate" or "connection-rate": a number of bits, which a file may change.
class Limit {
 public:
  explicit Limit(std::string key) : key_(std::move(key)) {}

  const std::string& key() const { return key_; }
  uint64_t bits() const { return bits_.load(std::memory_order_relaxed); }  // 0: none
  bool may_change() const { return !path_.empty(); }
  void set(uint64_t bits) { bits_ = bits; }

  bool config(std::string_view key, std::string_view value) {
    if (key == key_) {
      set(parse_rate(key, value));
    } else if (key == key_ + "-file") {
      path_ = nbd::absolute_path(value);
    } else {
      return false;
    }
    return true;
  }

  // Reads the file, if it is time. One that is not there changes nothing, neither
  // does one with something else in it, which is logged once.
  void look_at_file(Clock::time_point now) {
    if (path_.empty()) return;
    constexpr std::chrono::milliseconds kLookAgain{100};
    if (is_looking_.test_and_set()) return;
    if (now >= next_look_) {
      next_look_ = now + kLookAgain;
      read_file();
    }
    is_looking_.clear();
  }

 private:
  void read_file() noexcept {
    try {
      if (::access(path_.c_str(), F_OK) != 0) return;
      std::string text = nbd::filters::read_list_file(key_ + "-file", path_);
      text.erase(text.find_last_not_of(" \t\r\n") + 1);
      if (text == last_text_) return;
      last_text_ = text;
      set(parse_rate(key_ + "-file", text));
    } catch (const std::exception& e) {
      nbdkit_error("%s", e.what());
    }
  }

  const std::string key_;
  std::string path_;
  std::atomic<uint64_t> bits_{0};
  std::atomic_flag is_looking_;  // whoever has set it has the two below
  Clock::time_point next_look_{};
  std::string last_text_;
};

// What a limit is for: all connections, or one of them.
struct Buckets {
  Buckets(uint64_t bits, double burst) : read(bits, burst), write(bits, burst) {}
  void set_rate(uint64_t bits, Clock::time_point now) {
    read.set_rate(bits, now);
    write.set_rate(bits, now);
  }
  Bucket read, write;
};

class Rate {
 public:
  static constexpr auto name = "rate";
  static constexpr auto longname = "nbdkit rate filter";
  static constexpr auto description = "Limit how much data passes in a second";
  static constexpr auto help =
      "rate=<BITS>                   bits each second, of all connections, such as 10M\n"
      "connection-rate=<BITS>        ... of each connection\n"
      "rate-file=<FILENAME>          the rate is what stands in this file, at any time\n"
      "connection-rate-file=<FILENAME>   likewise\n"
      "burstiness=<SECONDS>          what may pass at once after a pause, as the seconds that it\n"
      "                              would take at the rate (default 2)\n" NBD_CONTROL_HELP;

  Rate() {
    control_.add({.name = "set",
                  .arguments = {"rate", "connection-rate"},
                  .help = "change a rate; 0 lifts it",
                  .run = [this](const Arguments& args, JsonObject& answer) {
                    for (Limit* limit : {&all_, &each_}) {
                      if (!args.has(limit->key())) continue;
                      limit->set(nbd::parse_size(limit->key(), args.get(limit->key())));
                    }
                    tell(answer);
                  }});
    control_.add({.name = "get",
                  .arguments = {},
                  .help = "the rates; 0 is none",
                  .run = [this](const Arguments&, JsonObject& answer) { tell(answer); }});
  }

  bool config(std::string_view key, std::string_view value) {
    if (control_.config(key, value) || all_.config(key, value) || each_.config(key, value)) {
      return true;
    }
    if (key != "burstiness") return false;
    burst_ = Bucket::Seconds(nbd::parse_delay(key, value)).count();
    return true;
  }
  void get_ready() {
    look_at_files(Clock::now());
    server_.emplace(all_.bits(), burst_);
  }
  void after_fork() { control_.after_fork(); }
  void cleanup() noexcept { control_.cleanup(); }

  struct Connection {
    static constexpr bool passes_unchanged = true;
    static constexpr bool reads_only = true;  // the others have no data

    Connection(Rate& filter, Next&) : filter_(filter), own_(filter.each_.bits(), filter.burst_) {}

    void properties(nbd::Properties& p) const {
      if (!filter_.limits_anything()) return;
      p.blocking.insert(nbd::Op::read);
      p.blocking.insert(nbd::Op::write);
    }
    Status pread(Next& next, std::span<std::byte> buf, uint64_t offset, Flags flags) {
      if (const Status s = wait(&Buckets::read, buf.size() * 8); !s.ok()) return s;
      return next.pread(buf, offset, flags);
    }
    Status pwrite(Next& next, std::span<const std::byte> buf, uint64_t offset, Flags flags) {
      if (const Status s = wait(&Buckets::write, buf.size() * 8); !s.ok()) return s;
      return next.pwrite(buf, offset, flags);
    }

   private:
    // In the connection's own line first: who waits there keeps nobody else waiting.
    Status wait(Bucket Buckets::* which, uint64_t bits) {
      const Status s = filter_.wait_in(filter_.each_, own_, which, bits);
      return s.ok() ? filter_.wait_in(filter_.all_, *filter_.server_, which, bits) : s;
    }
    Rate& filter_;
    Buckets own_;
  };

 private:
  bool limits_anything() const {
    return all_.bits() != 0 || each_.bits() != 0 || all_.may_change() || each_.may_change() ||
           control_.is_used();
  }
  void look_at_files(Clock::time_point now) {
    all_.look_at_file(now);
    each_.look_at_file(now);
  }
  void tell(JsonObject& answer) const {
    answer.set(all_.key(), all_.bits()).set(each_.key(), each_.bits());
  }

  Status wait_in(Limit& limit, Buckets& buckets, Bucket Buckets::* which, uint64_t bits) {
    // Longer waits are made of such, so that a change of the rate is seen.
    constexpr Bucket::Seconds kLookAgain{0.1};
    Bucket& bucket = buckets.*which;
    auto now = Clock::now();
    look_at_files(now);
    buckets.set_rate(limit.bits(), now);
    const double place = bucket.stand_in_line(bits, now);
    for (;;) {
      const Bucket::Seconds left = bucket.wait_for(place, now);
      if (left.count() <= 0) return nbd::kOk;
      const auto part = std::chrono::ceil<std::chrono::nanoseconds>(std::min(left, kLookAgain));
      if (const Status s = nbd::sleep(part); !s.ok()) {
        bucket.leave_line(bits);
        return s;
      }
      now = Clock::now();
      look_at_files(now);
      buckets.set_rate(limit.bits(), now);
    }
  }

  nbd::filters::Control control_{"rate"};
  Limit all_{"rate"}, each_{"connection-rate"};
  double burst_ = 2;
  std::optional<Buckets> server_;
};

}  // namespace

NBDKIT_FILTER(Rate)
