// SPDX-License-Identifier: BSD-3-Clause
//
// extentlist: where data is and where holes are, from a file.
//
// Only what clients are told is changed. Reads go to the plugin everywhere: a list
// that calls data a hole does not make the server return zeroes for it.
#include <nbdkit/filter.hpp>

#include "extentlist/list.hpp"
#include "list-file.hpp"

namespace {

using nbd::Status;

class ExtentListFilter {
 public:
  static constexpr auto name = "extentlist";
  static constexpr auto longname = "nbdkit extentlist filter";
  static constexpr auto description = "Say from a list where data and holes are";
  static constexpr auto help =
      "extentlist=<FILENAME>         (required) lines of OFFSET LENGTH [hole,zero]";

  bool config(std::string_view key, std::string_view value) {
    if (key != "extentlist") return false;
    path_ = nbd::absolute_path(value);
    return true;
  }
  void config_complete() {
    if (path_.empty()) throw nbd::Error("extentlist: give the list: extentlist=<FILENAME>");
    const std::string text = nbd::filters::read_list_file("extentlist", path_);
    try {
      list_ = nbd::filters::ExtentList::parse(text);
    } catch (const nbd::Error& e) {
      throw nbd::Error("extentlist=" + path_ + ": " + e.what());
    }
  }
  void properties(nbd::Properties& p) const {
    p.can_extents = true;
    p.tells_holes = false;
  }
  Status extents(nbd::Next&, uint64_t count, uint64_t offset, nbd::Flags flags,
                 nbd::Extents& out) const {
    const bool one = has(flags, nbd::Flags::req_one);
    return list_.describe(count, offset, one, out) ? nbd::kOk : Status(EIO);
  }

 private:
  std::string path_;
  nbd::filters::ExtentList list_;
};

}  // namespace

NBDKIT_FILTER(ExtentListFilter)
