// SPDX-License-Identifier: BSD-3-Clause
//
// fua: change how a write is made to reach the disk before its reply.
#include "../common.hpp"

namespace {

using nbd::Flags;
using nbd::Next;
using nbd::Op;
using nbd::Status;
using nbd::Support;

enum class Mode { none, emulate, native, force, pass, discard };

struct Fua {
  static constexpr auto name = "fua";
  static constexpr auto longname = "nbdkit fua filter";
  static constexpr auto description = "Change how FUA and flush are done";
  static constexpr auto help =
      "fuamode=none|emulate|native|force|pass|discard   FUA is not offered (default), is a\n"
      "                              flush, is passed on as if the plugin did it itself, is set\n"
      "                              on every write, is not touched, or is (unsafe!) forgotten\n"
      "                              together with flush\n"
      "flush-on-close=<BOOL>         flush when a client goes (default false)";

  bool config(std::string_view key, std::string_view value) {
    if (key == "flush-on-close") {
      flush_on_close_ = nbd::parse_bool(value);
      return true;
    }
    if (key != "fuamode") return false;
    mode_ = nbd::filters::one_of<Mode>(key, value,
                                       {{"none", Mode::none},
                                        {"emulate", Mode::emulate},
                                        {"native", Mode::native},
                                        {"force", Mode::force},
                                        {"pass", Mode::pass},
                                        {"discard", Mode::discard}});
    return true;
  }

  void properties(nbd::Properties& p) const {
    if (p.can_write) check(p);
    switch (mode_) {
      case Mode::none: p.can_fua = Support::none; break;
      case Mode::emulate:
        p.can_fua = Support::emulate;
        for (const Op op : {Op::write, Op::trim, Op::zero}) {
          nbd::filters::waits_like(p, op, p, Op::flush);
        }
        break;
      case Mode::native: p.can_fua = Support::native; break;
      case Mode::pass: break;
      case Mode::force:
      case Mode::discard:
        p.can_fua = Support::native;
        p.can_flush = true;  // which is easy where it does nothing
        break;
    }
    if (!p.can_write) p.can_fua = Support::none;
  }

  // Whatever the mode says of the client's own.
  void closing(Next& next) const {
    const nbd::Properties& p = next.properties();
    if (!flush_on_close_ || !p.can_write || !p.can_flush) return;
    const Status s = next.flush(Flags::none);
    if (!s.ok()) nbdkit_error("fua: the flush on close failed with errno %d", s.errnum());
  }

  Status pwrite(Next& next, std::span<const std::byte> buf, uint64_t offset, Flags flags) const {
    return change(next, flags, [&](Flags f) { return next.pwrite(buf, offset, f); });
  }
  Status trim(Next& next, uint64_t count, uint64_t offset, Flags flags) const {
    return change(next, flags, [&](Flags f) { return next.trim(count, offset, f); });
  }
  Status zero(Next& next, uint64_t count, uint64_t offset, Flags flags) const {
    return change(next, flags, [&](Flags f) { return next.zero(count, offset, f); });
  }
  Status flush(Next& next, Flags flags) const {
    // With force there is nothing left to flush.
    if (mode_ == Mode::force || mode_ == Mode::discard) return nbd::kOk;
    return next.flush(flags);
  }

 private:
  void check(const nbd::Properties& below) const {
    if (mode_ == Mode::emulate && !below.can_flush) {
      throw nbd::Error("fuamode=emulate needs a plugin that can flush");
    }
    if ((mode_ == Mode::native || mode_ == Mode::force) && below.can_fua == Support::none) {
      throw nbd::Error(std::string("fuamode=") + (mode_ == Mode::force ? "force" : "native") +
                       " needs a plugin that can do FUA");
    }
  }

  template <class Call>
  Status change(Next& next, Flags flags, Call&& call) const {
    if (mode_ == Mode::force) return call(flags | Flags::fua);
    if (mode_ == Mode::discard) return call(without(flags, Flags::fua));
    if (mode_ != Mode::emulate || !has(flags, Flags::fua)) return call(flags);
    const Status s = call(without(flags, Flags::fua));
    return s.ok() ? next.flush(Flags::none) : s;
  }

  Mode mode_ = Mode::none;
  bool flush_on_close_ = false;
};

}  // namespace

NBDKIT_FILTER(Fua)
