// SPDX-License-Identifier: BSD-3-Clause
//
// random: data that looks random but depends on the seed and the offset alone.
//
// Every 8 bytes are a hash of the seed and their index, so the same seed gives
// the same disk in whatever order and in whatever pieces it is read, and nothing
// has to be kept. A write must hold what is there already, else EIO: a copy of
// the disk onto itself proves a copying program right.
#include <optional>
#include <random>

#include "../pattern/words.hpp"
#include "../sized.hpp"
#include "base/mix.hpp"

namespace {

using nbd::Flags;
using nbd::Status;

struct Random : sized::RequiredSize<Random> {
  static constexpr auto name = "random";
  static constexpr auto longname = "nbdkit random plugin";
  static constexpr auto description = "Random data that is the same for the same seed";
  static constexpr auto help =
      "[size=]<SIZE>                 (required) size of the disk\n"
      "seed=<N>                      which random data (default: another one each time)";

  bool config(std::string_view key, std::string_view value) {
    if (key != "seed") return OptionalSize::config(key, value);
    seed_ = nbd::parse_uint64("seed", value);
    return true;
  }
  void get_ready() {
    if (!seed_) seed_ = (uint64_t{std::random_device{}()} << 32) | std::random_device{}();
    nbd::log_debug("random: seed=" + std::to_string(*seed_));
    start_ = nbd::mix(*seed_);
  }

  Status pread(std::span<std::byte> buf, uint64_t offset, Flags) {
    words::fill(buf, offset, [this](uint64_t at) { return word_at(at); });
    return nbd::kOk;
  }
  Status pwrite(std::span<const std::byte> buf, uint64_t offset, Flags) {
    if (words::equal(buf, offset, [this](uint64_t at) { return word_at(at); })) return nbd::kOk;
    nbdkit_error("the data written at offset %llu is not what is there",
                 static_cast<unsigned long long>(offset));
    return Status(EIO);
  }
  // Both would change the data.
  Status trim(uint32_t, uint64_t offset, Flags) { return refuse("trim", offset); }
  Status zero(uint32_t, uint64_t offset, Flags) { return refuse("zero", offset); }

 private:
  uint64_t word_at(uint64_t offset) const { return nbd::nth_mix(start_, offset / 8); }
  static Status refuse(const char* what, uint64_t offset) {
    nbdkit_error("%s at offset %llu would change the data", what,
                 static_cast<unsigned long long>(offset));
    return Status(EIO);
  }

  std::optional<uint64_t> seed_;
  uint64_t start_ = 0;
};

}  // namespace

NBDKIT_PLUGIN(Random)
