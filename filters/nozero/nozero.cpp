// SPDX-License-Identifier: BSD-3-Clause
//
// nozero: take zero requests away, or make them slow, or deny them holes.
#include "../common.hpp"

namespace {

using nbd::Flags;
using nbd::Next;
using nbd::Status;

enum class Mode { none, emulate, notrim, plugin };
enum class Fast { as_below, none, slow, ignore };

struct NoZero {
  static constexpr auto name = "nozero";
  static constexpr auto longname = "nbdkit nozero filter";
  static constexpr auto description = "Take efficient zeroing away";
  static constexpr auto help =
      "zeromode=none|emulate|notrim|plugin   zero requests are not offered (default), become\n"
      "                              writes, never make holes, or stay as they are\n"
      "fastzeromode=default|none|slow|ignore   fast ones are not offered, always refused, or\n"
      "                              treated like any other";

  bool config(std::string_view key, std::string_view value) {
    if (key == "zeromode") {
      mode = nbd::filters::one_of<Mode>(key, value,
                                        {{"none", Mode::none},
                                         {"emulate", Mode::emulate},
                                         {"notrim", Mode::notrim},
                                         {"plugin", Mode::plugin}});
    } else if (key == "fastzeromode") {
      fast = nbd::filters::one_of<Fast>(key, value,
                                        {{"default", Fast::as_below},
                                         {"none", Fast::none},
                                         {"slow", Fast::slow},
                                         {"ignore", Fast::ignore}});
    } else {
      return false;
    }
    return true;
  }
  void config_complete() {
    // A write is never a fast zero.
    if (mode == Mode::emulate && fast == Fast::as_below) fast = Fast::slow;
  }

  void properties(nbd::Properties& p) const {
    const bool passes_on = mode == Mode::notrim || mode == Mode::plugin;
    if (passes_on && p.can_write && !p.can_zero) {
      throw nbd::Error("zeromode: notrim and plugin need a plugin that can zero");
    }
    p.can_zero = p.can_write && mode != Mode::none;
    if (fast != Fast::as_below) p.can_fast_zero = fast != Fast::none;
    p.can_fast_zero = p.can_fast_zero && p.can_zero;
    if (mode == Mode::emulate) nbd::filters::waits_like(p, nbd::Op::zero, p, nbd::Op::write);
  }

  Status zero(Next& next, uint64_t count, uint64_t offset, Flags flags) const {
    if (has(flags, Flags::fast_zero)) {
      if (fast == Fast::slow) return Status(EOPNOTSUPP);
      if (fast == Fast::ignore) flags = without(flags, Flags::fast_zero);
    }
    if (mode == Mode::emulate) return nbd::filters::write_zeroes(next, count, offset, flags);
    if (mode == Mode::notrim) flags = without(flags, Flags::may_trim);
    return next.zero(count, offset, flags);
  }

  Mode mode = Mode::none;
  Fast fast = Fast::as_below;
};

}  // namespace

NBDKIT_FILTER(NoZero)
