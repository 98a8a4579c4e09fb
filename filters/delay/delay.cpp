// SPDX-License-Identifier: BSD-3-Clause
//
// delay: make requests slow.
//
// A delayed request waits aside, in a worker of its own; others go past it, however
// many wait. The wait ends early, with ESHUTDOWN, when the server ends or the client is gone.
//
// Threads: Faults has its own lock; nothing else changes after the start.
#include <nbdkit/filter.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <string>

#include "base/error.hpp"
#include "every-request.hpp"
#include "faults/faults.hpp"

namespace {

using nbd::Flags;
using nbd::Next;
using nbd::Op;
using nbd::Status;
using nbd::filters::Faults;
using nbd::filters::Firing;
using nbd::filters::JsonObject;
using nbd::filters::Kind;
using nbd::filters::KindSet;
using nbd::filters::Request;
using nbd::filters::request_of;
using nbd::filters::Trade;
using std::chrono::nanoseconds;

// The plain parameters, and what each is for.
struct Plain {
  std::string_view key;
  KindSet kinds;
};
constexpr std::array<Plain, 11> kPlain{{{"rdelay", {Kind::read}},
                                        {"delay-read", {Kind::read}},
                                        {"wdelay", nbd::filters::kChanges},
                                        {"delay-write", {Kind::write}},
                                        {"delay-flush", {Kind::flush}},
                                        {"delay-zero", {Kind::zero}},
                                        {"delay-trim", {Kind::trim}},
                                        {"delay-extents", {Kind::extents}},
                                        {"delay-cache", {Kind::cache}},
                                        {"delay-open", {Kind::open}},
                                        {"delay-close", {Kind::close}}}};

class Delay : public nbd::filters::EveryRequest<Delay> {
 public:
  static constexpr auto name = "delay";
  static constexpr auto longname = "nbdkit delay filter";
  static constexpr auto description = "Delay requests";
  static constexpr auto help =
      "rdelay=<TIME>, delay-read=<TIME>   delay reads, such as 2, 1.5s, 20ms or 100us\n"
      "wdelay=<TIME>                 delay writes, zeroes and trims\n"
      "delay-write=<TIME>            delay writes alone; likewise\n"
      "delay-flush=<TIME>, delay-zero=<TIME>, delay-trim=<TIME>, delay-extents=<TIME>,\n"
      "delay-cache=<TIME>\n"
      "delay-fast-zero=<BOOL>        false: fast zeroes fail at once (default true)\n"
      "delay-open=<TIME>             delay a client that connects\n"
      "delay-close=<TIME>            delay a client that disconnects\n"
      "delay-rule=<RULE>             which requests, and how long, see nbdkit-faults(1), such as\n"
      "                              'flush every=10 delay=normal:50ms:20ms'; "
      "repeatable\n" NBD_FAULTS_HELP;
  static constexpr bool passes_unchanged = true;
  static constexpr bool steps_aside = true;

  bool config(std::string_view key, std::string_view value) {
    if (faults_.config(key, value)) return true;
    if (key == "delay-fast-zero") {
      fast_zero_ = nbd::parse_bool(value);
      return true;
    }
    for (const Plain& p : kPlain) {
      if (p.key != key) continue;
      const nanoseconds delay = nbd::parse_delay(key, value);
      for (size_t i = 0; i < nbd::filters::kKinds; ++i) {
        if (p.kinds.contains(static_cast<Kind>(i))) plain_[i] = {delay, std::string(value)};
      }
      return true;
    }
    return false;
  }

  void get_ready() {
    for (size_t i = 0; i < nbd::filters::kKinds; ++i) {
      if (plain_[i].time <= nanoseconds::zero()) continue;
      faults_.add(nbd::filters::parse_rule(
          Trade::delay, "delay",
          fmt::format("{} delay={}", name_of(static_cast<Kind>(i)), plain_[i].text)));
    }
    faults_.get_ready();
  }
  void after_fork() { faults_.after_fork(); }
  void cleanup() noexcept { faults_.cleanup(); }
  void disconnected() noexcept { faults_.disconnected(); }
  void announce(const nbd::Announcement& request) { faults_.announce(request); }

  void list_exports(std::vector<nbd::ExportItem>&) { hold(request_of(Kind::list, "")); }
  void open(nbd::OpenRequest& request) { hold(request_of(Kind::open, request.export_name)); }
  // A client that just hangs up is gone before this could hold it.
  void closing(Next&) { [[maybe_unused]] const Status ended_early = wait(request_of(Kind::close)); }

  void properties(nbd::Properties& p) const {
    const KindSet kinds = faults_.can_change() ? nbd::filters::kRequests : faults_.kinds();
    for (const Op op :
         {Op::read, Op::write, Op::flush, Op::trim, Op::zero, Op::cache, Op::extents}) {
      if (kinds.contains(nbd::filters::kind_of(op))) p.blocking.insert(op);
    }
    if (!fast_zero_) p.can_fast_zero = p.can_zero;  // failing at once is fast
  }

  template <class Call>
  Status around(const nbd::Announcement& r, Call&& call) {
    if (has(r.flags, Flags::probe)) return call();  // the server asks for itself
    if (has(r.flags, Flags::fast_zero) && !fast_zero_) return Status(EOPNOTSUPP);
    const Status s = wait(request_of(nbd::filters::kind_of(r.op), r.offset, r.count, r.flags));
    return s.ok() ? call() : s;
  }

 private:
  struct Setting {
    nanoseconds time{};
    std::string text;
  };

  // As long as all rules that hit it say together.
  Status wait(const Request& request) {
    nanoseconds sum{};
    for (const Firing& f : faults_.decide(request)) {
      const nanoseconds delay = f.delay();
      sum = delay > nanoseconds::max() - sum ? nanoseconds::max() : sum + delay;
      const auto seconds = std::chrono::duration<double>(delay).count();
      faults_.log(f, request, JsonObject().set("delay", seconds));
    }
    if (sum <= nanoseconds::zero()) return nbd::kOk;
    const nbd::Aside aside;
    return nbd::sleep(sum);
  }
  // While a client gets its export or a list of them.
  void hold(const Request& request) {
    if (!wait(request).ok()) throw nbd::Error(ESHUTDOWN, "the client went away");
  }

  std::array<Setting, nbd::filters::kKinds> plain_;
  bool fast_zero_ = true;
  Faults faults_{name, Trade::delay};
};

}  // namespace

NBDKIT_FILTER(Delay)
