// SPDX-License-Identifier: BSD-3-Clause
//
// memory: a disk in RAM, all zeroes at first and gone when the server ends.
//
// All clients see the same disk, so flush and FUA have nothing to do and several
// connections of one client are safe.
#include <optional>

#include "served.hpp"

namespace {

struct Memory : memory::Served {
  static constexpr auto name = "memory";
  static constexpr auto longname = "nbdkit memory plugin";
  static constexpr auto description = "Virtual memory (RAM disk)";
  static constexpr auto help =
      "[size=]<SIZE>                 (required) size of the disk\n"
      "allocator=sparse|malloc[,mlock=true]|zstd[,level=<N>]\n"
      "                              how it is kept (default sparse)";
  static constexpr auto magic_key = "size";
  static constexpr bool never_blocks = true;
  static constexpr bool tells_holes = true;

  bool config(std::string_view key, std::string_view value) {
    if (key == "size") {
      size_ = nbd::parse_size(value);
    } else if (key == "allocator") {
      parse_allocator(value);
    } else {
      return false;
    }
    return true;
  }
  void config_complete() {
    if (!size_) throw nbd::Error("memory: you must give the size of the disk: size=<SIZE>");
  }
  // Not before the fork: a child does not inherit memory locks.
  void after_fork() { make_store(*size_); }

 private:
  std::optional<uint64_t> size_;
};

}  // namespace

NBDKIT_PLUGIN(Memory)
