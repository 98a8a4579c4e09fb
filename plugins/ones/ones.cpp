// SPDX-License-Identifier: BSD-3-Clause
//
// ones: every byte of the disk is 0xff, or what byte= says; what is written is
// forgotten.
#include <nbdkit/plugin.hpp>

#include <algorithm>

namespace {

using nbd::Flags;
using nbd::Status;

struct Ones {
  static constexpr auto name = "ones";
  static constexpr auto longname = "nbdkit ones plugin";
  static constexpr auto description = "Every byte is 0xff or another, writes are forgotten";
  static constexpr auto help =
      "[size=]<SIZE>                 size of the disk (default 0)\n"
      "byte=<N>                      what every byte is (default 0xff)";
  static constexpr auto magic_key = "size";
  static constexpr bool never_blocks = true;

  bool config(std::string_view key, std::string_view value) {
    if (key == "size") {
      size_ = nbd::parse_size(value);
    } else if (key == "byte") {
      byte_ = std::byte{nbd::parse_uint8("byte", value)};
    } else {
      return false;
    }
    return true;
  }

  uint64_t size() { return size_; }
  bool can_multi_conn() { return true; }
  bool can_fast_zero() { return true; }
  nbd::Support can_cache() { return nbd::Support::native; }
  nbd::Support can_fua() { return nbd::Support::native; }

  Status pread(std::span<std::byte> buf, uint64_t, Flags) {
    std::fill(buf.begin(), buf.end(), byte_);
    return nbd::kOk;
  }
  Status pwrite(std::span<const std::byte>, uint64_t, Flags) { return nbd::kOk; }
  Status flush(Flags) { return nbd::kOk; }
  Status trim(uint32_t, uint64_t, Flags) { return nbd::kOk; }
  Status zero(uint32_t, uint64_t, Flags) { return nbd::kOk; }

 private:
  uint64_t size_ = 0;
  std::byte byte_{0xff};
};

}  // namespace

NBDKIT_PLUGIN(Ones)
