// SPDX-License-Identifier: BSD-3-Clause
//
// readonly: no writes; or none while a file exists.
#include "../common.hpp"

#include <unistd.h>

namespace {

using nbd::Flags;
using nbd::Next;
using nbd::Status;

struct ReadOnly {
  static constexpr auto name = "readonly";
  static constexpr auto longname = "nbdkit readonly filter";
  static constexpr auto description = "Switch a disk between read-only and writable";
  static constexpr auto help =
      "readonly-file=<FILENAME>      refuse writes while this file exists; else always";

  bool config(std::string_view key, std::string_view value) {
    if (key != "readonly-file") return false;
    if (value.empty()) throw nbd::Error("readonly-file: expected the name of a file, got \"\"");
    file = nbd::absolute_path(value);
    return true;
  }
  void open(nbd::OpenRequest& request) const {
    if (file.empty()) request.read_only = true;  // the plugin may save itself work
  }
  void properties(nbd::Properties& p) const {
    if (file.empty()) p.can_write = p.can_trim = p.can_zero = p.can_fast_zero = false;
  }

  Status pwrite(Next& next, std::span<const std::byte> buf, uint64_t offset, Flags flags) const {
    return is_protected() ? Status(EPERM) : next.pwrite(buf, offset, flags);
  }
  Status trim(Next& next, uint64_t count, uint64_t offset, Flags flags) const {
    return is_protected() ? Status(EPERM) : next.trim(count, offset, flags);
  }
  Status zero(Next& next, uint64_t count, uint64_t offset, Flags flags) const {
    return is_protected() ? Status(EPERM) : next.zero(count, offset, flags);
  }

 private:
  bool is_protected() const { return file.empty() || ::access(file.c_str(), F_OK) == 0; }
  std::string file;
};

}  // namespace

NBDKIT_FILTER(ReadOnly)
