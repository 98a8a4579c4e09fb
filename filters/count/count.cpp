// SPDX-License-Identifier: BSD-3-Clause
//
// count: how many bytes were read, written, zeroed and trimmed in all.
//
// Threads: any; the counts are atomic.
#include "../every-request.hpp"

#include <atomic>

namespace {

using nbd::Op;
using nbd::Status;

class Count : public nbd::filters::EveryRequest<Count> {
 public:
  static constexpr auto name = "count";
  static constexpr auto longname = "nbdkit count filter";
  static constexpr auto description = "Count the bytes that are read and written";
  static constexpr bool passes_unchanged = true;

  template <class Call>
  Status around(const nbd::Announcement& request, Call&& call) {
    const Status s = call();
    if (!s.ok()) return s;
    switch (request.op) {
      case Op::read: read_ += request.count; break;
      case Op::write: written_ += request.count; break;
      case Op::zero: zeroed_ += request.count; break;
      case Op::trim: trimmed_ += request.count; break;
      case Op::flush:
      case Op::cache:
      case Op::extents: break;
    }
    return s;
  }
  void cleanup() const noexcept {
    nbdkit_debug("count: read %llu, written %llu, zeroed %llu, trimmed %llu bytes",
                 static_cast<unsigned long long>(read_), static_cast<unsigned long long>(written_),
                 static_cast<unsigned long long>(zeroed_),
                 static_cast<unsigned long long>(trimmed_));
  }

 private:
  std::atomic<uint64_t> read_{0}, written_{0}, zeroed_{0}, trimmed_{0};
};

}  // namespace

NBDKIT_FILTER(Count)
