// SPDX-License-Identifier: BSD-3-Clause
//
// checkwrite: a write succeeds if it says what the disk has already. Nothing is
// written; the plugin is opened read-only.
#include "../common.hpp"

#include <cstring>
#include <vector>

namespace {

using nbd::Flags;
using nbd::Next;
using nbd::Op;
using nbd::Status;

struct CheckWrite {
  static constexpr auto name = "checkwrite";
  static constexpr auto longname = "nbdkit checkwrite filter";
  static constexpr auto description = "Check that writes match what the plugin has";

  static void open(nbd::OpenRequest& request) { request.read_only = true; }
  static void properties(nbd::Properties& p) {
    p.can_write = p.can_flush = p.can_trim = p.can_zero = p.can_fast_zero = true;
    p.can_multi_conn = true;  // nothing changes
    p.can_fua = nbd::Support::native;
    for (const Op op : {Op::write, Op::trim, Op::zero}) {
      nbd::filters::waits_like(p, op, p, Op::read);
    }
  }

  static Status pwrite(Next& next, std::span<const std::byte> buf, uint64_t offset, Flags) {
    return compare(next, buf.size(), offset,
                   [&](uint64_t at) { return buf.data() + (at - offset); });
  }
  static Status flush(Next&, Flags) { return nbd::kOk; }
  static Status trim(Next& next, uint64_t count, uint64_t offset, Flags) {
    return compare(next, count, offset, zeroes);
  }
  static Status zero(Next& next, uint64_t count, uint64_t offset, Flags) {
    return compare(next, count, offset, zeroes);
  }

 private:
  static const std::byte* zeroes(uint64_t) { return nbd::filters::kZeroes.data(); }

  template <class Wanted>
  static Status compare(Next& next, uint64_t count, uint64_t offset, Wanted&& wanted) {
    std::vector<std::byte> there(std::min<uint64_t>(count, nbd::filters::kZeroesSize));
    return nbd::filters::in_pieces(
        next.properties(), count, offset, there.size(), Flags::none,
        [&](uint64_t n, uint64_t at, Flags f) {
          if (const Status s = next.pread(std::span(there).first(n), at, f); !s.ok()) return s;
          if (std::memcmp(there.data(), wanted(at), n) == 0) return nbd::kOk;
          nbdkit_error("checkwrite: data written at offset %llu is not what the disk has",
                       static_cast<unsigned long long>(at));
          return Status(EIO);
        });
  }
};

}  // namespace

NBDKIT_FILTER(CheckWrite)
