// SPDX-License-Identifier: BSD-3-Clause
//
// The first root of a guest: an archive with testkit-guest, the modules that it needs to reach the
// host's files, and what it is to do (see guest/guest.hpp).
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace testkit::vm {

// The archive format of the kernel (Documentation/driver-api/early-userspace/
// buffer-format.rst): cpio, "newc", not compressed.
class Cpio {
 public:
  void add_folder(std::string_view name) { add(name, 0040755, ""); }
  void add_file(std::string_view name, std::string_view content, bool executable = false) {
    add(name, executable ? 0100755 : 0100644, content);
  }
  // Ends it.
  std::string take();

 private:
  void add(std::string_view name, unsigned mode, std::string_view content);
  void pad();

  std::string bytes_;
  unsigned next_inode_ = 1;
};

// Each text ended by a zero byte: they may hold anything else.
std::string zero_ended(const std::vector<std::string>& texts);

}  // namespace testkit::vm
