// SPDX-License-Identifier: BSD-3-Clause
//
// nocache: take cache (prefetch) requests away, or do them in another way.
#include "../common.hpp"

namespace {

using nbd::Flags;
using nbd::Next;
using nbd::Status;
using nbd::Support;

enum class Mode { none, emulate, nop };

struct NoCache {
  static constexpr auto name = "nocache";
  static constexpr auto longname = "nbdkit nocache filter";
  static constexpr auto description = "Take cache requests away";
  static constexpr auto help =
      "cachemode=none|emulate|nop    what becomes of cache requests: not offered (default),\n"
      "                              done by reading, or accepted and forgotten";

  bool config(std::string_view key, std::string_view value) {
    if (key != "cachemode") return false;
    mode = nbd::filters::one_of<Mode>(
        key, value, {{"none", Mode::none}, {"emulate", Mode::emulate}, {"nop", Mode::nop}});
    return true;
  }
  void properties(nbd::Properties& p) const {
    p.can_cache = mode == Mode::none      ? Support::none
                  : mode == Mode::emulate ? Support::emulate
                                          : Support::native;
    if (mode == Mode::emulate) nbd::filters::waits_like(p, nbd::Op::cache, p, nbd::Op::read);
  }
  Status cache(Next& next, uint64_t count, uint64_t offset, Flags) const {
    if (mode == Mode::nop) return nbd::kOk;
    std::array<std::byte, 65536> scratch;
    const nbd::Properties& below = next.properties();
    const uint64_t most = nbd::filters::data_piece(below, scratch.size());
    return nbd::filters::in_pieces(below, count, offset, most, Flags::none,
                                   [&](uint64_t n, uint64_t at, Flags f) {
                                     return next.pread(std::span(scratch).first(n), at, f);
                                   });
  }

  Mode mode = Mode::none;
};

}  // namespace

NBDKIT_FILTER(NoCache)
