// SPDX-License-Identifier: BSD-3-Clause
//
// ones: every byte of the disk is 0xff, or what byte= says; what is written is
// forgotten.
#include <algorithm>

#include "../sized.hpp"

namespace {

using nbd::Flags;
using nbd::Status;

struct Ones : sized::OptionalSize, sized::Forgetful {
  static constexpr auto name = "ones";
  static constexpr auto longname = "nbdkit ones plugin";
  static constexpr auto description = "Every byte is 0xff or another, writes are forgotten";
  static constexpr auto help =
      "[size=]<SIZE>                 size of the disk (default 0)\n"
      "byte=<N>                      what every byte is (default 0xff)";

  bool config(std::string_view key, std::string_view value) {
    if (key != "byte") return OptionalSize::config(key, value);
    byte_ = std::byte{nbd::parse_uint8("byte", value)};
    return true;
  }

  Status pread(std::span<std::byte> buf, uint64_t, Flags) {
    std::fill(buf.begin(), buf.end(), byte_);
    return nbd::kOk;
  }

 private:
  std::byte byte_{0xff};
};

}  // namespace

NBDKIT_PLUGIN(Ones)
