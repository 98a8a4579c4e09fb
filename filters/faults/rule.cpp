// SPDX-License-Identifier: BSD-3-Clause
#include "faults/rule.hpp"

#include <array>

namespace nbd::filters {

std::string_view name_of(Kind kind) {
  constexpr std::array<std::string_view, kKinds> kNames{"read", "write", "flush",   "trim",
                                                        "zero", "cache", "extents", "open",
                                                        "size", "list",  "close"};
  return kNames[static_cast<size_t>(kind)];
}

std::string_view name_of(Damage damage) {
  switch (damage) {
    case Damage::flip: return "flip";
    case Damage::torn: return "torn";
    case Damage::lost: return "lost";
    case Damage::misdirect: return "misdirect";
    case Damage::stale: return "stale";
    case Damage::lost_flush: return "lost-flush";
    case Damage::none: break;
  }
  return "none";
}

bool Rule::draws() const {
  const bool picks_error = errors.size() > 1;
  const bool picks_delay =
      (delay && delay->form != Distribution::Form::fixed) || jitter.count() != 0;
  const bool picks_damage = damage == Damage::flip || (damage == Damage::torn && !amount) ||
                            (damage == Damage::misdirect && !displacement);
  return probability < 1 || picks_error || picks_delay || picks_damage;
}

bool Rule::counts() const {
  const bool all_of_them = from <= 1 && to == Range::kNoEnd && every == 1 && nth.empty() &&
                           bytes == Range{} && times == Range::kNoEnd;
  return !all_of_them || draws() || !state.empty() || !set_state.empty();
}

}  // namespace nbd::filters
