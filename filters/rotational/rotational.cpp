// SPDX-License-Identifier: BSD-3-Clause
//
// rotational: say whether the disk turns.
#include <nbdkit/filter.hpp>

namespace {

struct Rotational {
  static constexpr auto name = "rotational";
  static constexpr auto longname = "nbdkit rotational filter";
  static constexpr auto description = "Set the rotational flag";
  static constexpr auto help = "rotational=<BOOL>             what to say (default true)";

  bool config(std::string_view key, std::string_view value) {
    if (key != "rotational") return false;
    rotational = nbd::parse_bool(value);
    return true;
  }
  void properties(nbd::Properties& p) const { p.is_rotational = rotational; }

  bool rotational = true;
};

}  // namespace

NBDKIT_FILTER(Rotational)
