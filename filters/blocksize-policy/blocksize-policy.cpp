// SPDX-License-Identifier: BSD-3-Clause
//
// blocksize-policy: tell clients block sizes, and refuse those that ignore them.
#include "../common.hpp"

#include <bit>

namespace {

using nbd::Flags;
using nbd::Next;
using nbd::Status;

// What is refused: nothing; what is not aligned, and data that is too long; that,
// and anything else that is too long.
enum class Policy { allow, error, strict };

struct BlockSizePolicy {
  static constexpr auto name = "blocksize-policy";
  static constexpr auto longname = "nbdkit blocksize policy filter";
  static constexpr auto description = "Set block sizes, and what becomes of other requests";
  static constexpr auto help =
      "blocksize-minimum=<SIZE>      a power of 2, at most 64K\n"
      "blocksize-preferred=<SIZE>    a power of 2 from 512 to 32M\n"
      "blocksize-maximum=<SIZE>      longest read or write: a multiple of the minimum\n"
      "blocksize-error-policy=allow|error|strict-error   refuse requests that do not fit;\n"
      "                              strict: also those without data that are too long\n"
      "blocksize-write-disconnect=<SIZE>   a longer write ends the connection (0: none does)";

  bool config(std::string_view key, std::string_view value) {
    if (key == "blocksize-error-policy") {
      policy = nbd::filters::one_of<Policy>(
          key, value,
          {{"allow", Policy::allow}, {"error", Policy::error}, {"strict-error", Policy::strict}});
    } else if (key == "blocksize-minimum") {
      wanted.minimum = size(key, value, 1, 64 << 10, true);
    } else if (key == "blocksize-preferred") {
      wanted.preferred = size(key, value, 512, 32 << 20, true);
    } else if (key == "blocksize-maximum") {
      wanted.maximum = size(key, value, 1, UINT32_MAX, false);
    } else if (key == "blocksize-write-disconnect") {
      longest_write = nbd::parse_size(value);
    } else {
      return false;
    }
    return true;
  }

  nbd::BlockSize wanted;  // 0: not given
  Policy policy = Policy::allow;
  uint64_t longest_write = 0;

  struct Connection {
    Connection(BlockSizePolicy& filter, Next& next)
        : size_(next.properties().block_size), filter_(filter) {
      const nbd::BlockSize& w = filter.wanted;
      is_set_ = w.minimum != 0 || w.preferred != 0 || w.maximum != 0 || size_.minimum != 0;
      if (size_.minimum == 0) size_ = {.minimum = 1, .preferred = 4096, .maximum = UINT32_MAX};
      if (w.minimum != 0) size_.minimum = w.minimum;
      if (w.preferred != 0) size_.preferred = w.preferred;
      if (w.maximum != 0) size_.maximum = w.maximum;
      const bool ordered = size_.minimum <= size_.preferred && size_.preferred <= size_.maximum;
      if (!ordered || (size_.maximum != UINT32_MAX && size_.maximum % size_.minimum != 0)) {
        throw nbd::Error("blocksize-policy: block sizes do not fit together: minimum " +
                         std::to_string(size_.minimum) + ", preferred " +
                         std::to_string(size_.preferred) + ", maximum " +
                         std::to_string(size_.maximum));
      }
    }
    void properties(nbd::Properties& p) const {
      if (!is_set_) return;
      p.block_size = size_;
      p.block_size.advisory = true;  // what is refused is refused here
    }

    Status pread(Next& next, std::span<std::byte> buf, uint64_t offset, Flags flags) const {
      const Status s = check(buf.size(), offset, true);
      return s.ok() ? next.pread(buf, offset, flags) : s;
    }
    Status pwrite(Next& next, std::span<const std::byte> buf, uint64_t offset, Flags flags) const {
      if (filter_.longest_write != 0 && buf.size() > filter_.longest_write) {
        nbdkit_error("blocksize-policy: a write of %zu bytes ends the connection", buf.size());
        nbdkit_disconnect(1);
        return Status(ESHUTDOWN);
      }
      const Status s = check(buf.size(), offset, true);
      return s.ok() ? next.pwrite(buf, offset, flags) : s;
    }
    Status trim(Next& next, uint64_t count, uint64_t offset, Flags flags) const {
      const Status s = check(count, offset, false);
      return s.ok() ? next.trim(count, offset, flags) : s;
    }
    Status zero(Next& next, uint64_t count, uint64_t offset, Flags flags) const {
      const Status s = check(count, offset, false);
      return s.ok() ? next.zero(count, offset, flags) : s;
    }
    Status cache(Next& next, uint64_t count, uint64_t offset, Flags flags) const {
      const Status s = check(count, offset, false);
      return s.ok() ? next.cache(count, offset, flags) : s;
    }
    Status extents(Next& next, uint64_t count, uint64_t offset, Flags flags,
                   nbd::Extents& out) const {
      const Status s = check(count, offset, false);
      return s.ok() ? next.extents(count, offset, flags, out) : s;
    }

   private:
    // By the protocol, the maximum is for requests with data.
    Status check(uint64_t count, uint64_t offset, bool has_data) const {
      if (filter_.policy == Policy::allow) return nbd::kOk;
      const bool has_maximum = has_data || filter_.policy == Policy::strict;
      const bool aligned = ((count | offset) & (size_.minimum - 1)) == 0;
      if (aligned && (!has_maximum || count <= size_.maximum)) return nbd::kOk;
      nbdkit_error(
          "blocksize-policy: a request for %llu bytes at %llu does not keep to blocks "
          "of %u to %u bytes",
          static_cast<unsigned long long>(count), static_cast<unsigned long long>(offset),
          size_.minimum, size_.maximum);
      return Status(EINVAL);
    }

    nbd::BlockSize size_;
    BlockSizePolicy& filter_;
    bool is_set_ = false;
  };

 private:
  static uint32_t size(std::string_view key, std::string_view value, uint64_t least, uint64_t most,
                       bool power_of_2) {
    const uint64_t n = nbd::parse_size(value);
    if (n >= least && n <= most && (!power_of_2 || std::has_single_bit(n))) {
      return static_cast<uint32_t>(n);
    }
    nbd::filters::bad_value(key,
                            std::string(power_of_2 ? "a power of 2" : "a size") + " from " +
                                std::to_string(least) + " to " + std::to_string(most),
                            value);
  }
};

}  // namespace

NBDKIT_FILTER(BlockSizePolicy)
