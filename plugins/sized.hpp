// SPDX-License-Identifier: BSD-3-Clause
//
// For plugins that make their disk out of nothing: its size is what size= says.
// A plugin derives from one of the two.
#pragma once

#include <nbdkit/plugin.hpp>

#include <algorithm>
#include <optional>
#include <string>

namespace sized {

// A disk of size= bytes; of none if it is not given.
class OptionalSize {
 public:
  static constexpr auto magic_key = "size";
  static constexpr bool never_blocks = true;  // there is nothing to wait for

  // The last one counts, as in the original.
  bool config(std::string_view key, std::string_view value) {
    if (key != "size") return false;
    size_ = nbd::parse_size(value);
    return true;
  }
  uint64_t size() const { return size_.value_or(0); }
  bool can_multi_conn() { return true; }
  nbd::Support can_cache() { return nbd::Support::native; }

 protected:
  std::optional<uint64_t> size_;
};

// The same, and size= must be given.
template <class Plugin>
class RequiredSize : public OptionalSize {
 public:
  void config_complete() {
    if (size_) return;
    throw nbd::Error(std::string(Plugin::name) +
                     ": you must give the size of the disk: size=<SIZE>");
  }
};

// Writes succeed and are forgotten.
struct Forgetful {
  bool can_fast_zero() { return true; }
  nbd::Support can_fua() { return nbd::Support::native; }
  nbd::Status pwrite(std::span<const std::byte>, uint64_t, nbd::Flags) { return nbd::kOk; }
  nbd::Status flush(nbd::Flags) { return nbd::kOk; }
  nbd::Status trim(uint32_t, uint64_t, nbd::Flags) { return nbd::kOk; }
  nbd::Status zero(uint32_t, uint64_t, nbd::Flags) { return nbd::kOk; }
};

// One hole.
struct AllZeroes {
  nbd::Status pread(std::span<std::byte> buf, uint64_t, nbd::Flags) {
    std::fill(buf.begin(), buf.end(), std::byte{0});
    return nbd::kOk;
  }
  nbd::Status extents(uint32_t count, uint64_t offset, nbd::Flags, nbd::ExtentList& out) {
    return out.add(offset, count, nbd::kExtentHole | nbd::kExtentZero);
  }
};

}  // namespace sized
