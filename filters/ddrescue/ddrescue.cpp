// SPDX-License-Identifier: BSD-3-Clause
//
// ddrescue: what GNU ddrescue could not read cannot be read here either.
//
// An image of a failing disk has something in the places that could not be read;
// this makes them errors again. Extents say that there is data in them, so that a
// client that reads only data comes upon them.
#include <nbdkit/filter.hpp>

#include "../common.hpp"
#include "ddrescue/mapfile.hpp"
#include "list-file.hpp"

namespace {

using nbd::Flags;
using nbd::Next;
using nbd::Status;

class DdRescue {
 public:
  static constexpr auto name = "ddrescue";
  static constexpr auto longname = "nbdkit ddrescue mapfile filter";
  static constexpr auto description = "Make what ddrescue could not read errors";
  static constexpr auto help =
      "ddrescue-mapfile=<FILENAME>   (required) the map that ddrescue has written";
  static constexpr bool reads_only = true;

  bool config(std::string_view key, std::string_view value) {
    if (key != "ddrescue-mapfile") return false;
    path_ = nbd::absolute_path(value);
    return true;
  }
  void config_complete() {
    if (path_.empty()) throw nbd::Error("ddrescue: give the map: ddrescue-mapfile=<FILENAME>");
    const std::string text = nbd::filters::read_list_file("ddrescue-mapfile", path_);
    try {
      map_ = nbd::filters::Mapfile::parse(text);
    } catch (const nbd::Error& e) {
      throw nbd::Error("ddrescue-mapfile=" + path_ + ": " + e.what());
    }
  }

  void open(nbd::OpenRequest& request) const { request.read_only = true; }
  void properties(nbd::Properties& p) const {
    p.can_write = p.can_trim = p.can_zero = p.can_fast_zero = false;
    p.can_fua = p.can_cache = nbd::Support::none;
  }

  Status pread(Next& next, std::span<std::byte> buf, uint64_t offset, Flags flags) const {
    if (map_.is_good(buf.size(), offset)) return next.pread(buf, offset, flags);
    nbdkit_error("ddrescue: not all of the %zu bytes at %llu could be rescued", buf.size(),
                 static_cast<unsigned long long>(offset));
    return Status(EIO);
  }
  Status extents(Next& next, uint64_t count, uint64_t offset, Flags flags,
                 nbd::Extents& out) const {
    nbd::Extents below(offset, offset + count);
    if (const Status s = next.extents(count, offset, flags, below); !s.ok()) return s;
    uint64_t at = offset;
    bool added = true;
    for (const nbd::Extent& e : below.list()) {
      map_.split(at, at + e.length, [&](uint64_t begin, uint64_t end, bool is_good) {
        added = added && out.add(begin, end - begin, is_good ? e.type : 0);
      });
      at += e.length;
    }
    return added ? nbd::kOk : Status(EIO);
  }

 private:
  std::string path_;
  nbd::filters::Mapfile map_;
};

}  // namespace

NBDKIT_FILTER(DdRescue)
