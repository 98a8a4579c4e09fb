// SPDX-License-Identifier: BSD-3-Clause
//
// split: several files, one after the other, as one disk.
//
// A request is cut where one file ends and the next begins; each piece is
// served as the file plugin would serve it. Where a file begins is fixed when a
// client connects.
#include <nbdkit/plugin.hpp>

#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "../file/disk-file.hpp"

namespace {

using disk_file::DiskFile;
using nbd::Flags;
using nbd::Status;

struct Split {
  static constexpr auto name = "split";
  static constexpr auto longname = "nbdkit split plugin";
  static constexpr auto description = "Several files, one after the other, as one disk";
  static constexpr auto help =
      "[file=]<FILENAME> ...         (required) the files, in the order of their bytes";
  static constexpr auto magic_key = "file";
  static constexpr bool tells_holes = true;

  bool config(std::string_view key, std::string_view value) {
    if (key != "file") return false;
    paths_.push_back(nbd::absolute_path(value));
    return true;
  }
  void config_complete() {
    if (paths_.empty()) throw nbd::Error("split: you must give at least one file: file=<FILENAME>");
    for (const std::string& path : paths_) {
      if (::access(path.c_str(), R_OK) == -1) disk_file::fail("split: cannot read", path);
    }
  }

  struct Connection;

 private:
  std::vector<std::string> paths_;
};

struct Split::Connection {
  Connection(Split& plugin, bool read_only) {
    for (const std::string& path : plugin.paths_) {
      files_.emplace_back(path, read_only);
      starts_.push_back(size_);
      size_ += files_.back().size();
    }
  }

  uint64_t size() { return size_; }
  bool can_write() {
    return all([](DiskFile& f) { return f.can_write(); });
  }
  bool can_extents() {
    return all([](DiskFile& f) { return f.can_extents(); });
  }
  bool can_multi_conn() { return true; }
  bool can_fast_zero() { return true; }
  nbd::Support can_fua() { return nbd::Support::native; }
  nbd::Support can_cache() { return nbd::Support::native; }

  Status pread(std::span<std::byte> buf, uint64_t offset, Flags flags) {
    return each(buf.size(), offset, [&](size_t i, uint64_t n, uint64_t at, uint64_t done) {
      return files_[i].pread(buf.subspan(done, n), at, flags);
    });
  }
  Status pwrite(std::span<const std::byte> buf, uint64_t offset, Flags flags) {
    return each(buf.size(), offset, [&](size_t i, uint64_t n, uint64_t at, uint64_t done) {
      return files_[i].pwrite(buf.subspan(done, n), at, flags);
    });
  }
  Status flush(Flags flags) {
    Status result;
    for (DiskFile& file : files_) {
      if (const Status s = file.flush(flags); !s.ok()) result = s;
    }
    return result;
  }
  Status trim(uint32_t count, uint64_t offset, Flags flags) {
    return each(count, offset, [&](size_t i, uint64_t n, uint64_t at, uint64_t) {
      return files_[i].trim(static_cast<uint32_t>(n), at, flags);
    });
  }
  Status zero(uint32_t count, uint64_t offset, Flags flags) {
    return each(count, offset, [&](size_t i, uint64_t n, uint64_t at, uint64_t) {
      return files_[i].zero(static_cast<uint32_t>(n), at, flags);
    });
  }
  Status cache(uint32_t count, uint64_t offset, Flags flags) {
    return each(count, offset, [&](size_t i, uint64_t n, uint64_t at, uint64_t) {
      return files_[i].cache(static_cast<uint32_t>(n), at, flags);
    });
  }
  Status extents(uint32_t count, uint64_t offset, Flags flags, nbd::ExtentList& out) {
    bool enough = false;
    return each(count, offset, [&](size_t i, uint64_t n, uint64_t at, uint64_t) {
      if (enough) return nbd::kOk;
      enough = has(flags, Flags::req_one);
      return files_[i].extents(static_cast<uint32_t>(n), at, flags, out, starts_[i],
                               end_of(i) - starts_[i]);
    });
  }

 private:
  template <class Question>
  bool all(Question&& question) {
    return std::all_of(files_.begin(), files_.end(), question);
  }

  uint64_t end_of(size_t i) const { return i + 1 < starts_.size() ? starts_[i + 1] : size_; }

  // Calls piece(index of the file, count, offset in it, position in the range)
  // for every file that the range touches, until one fails.
  template <class Piece>
  Status each(uint64_t count, uint64_t offset, Piece&& piece) {
    const auto next = std::upper_bound(starts_.begin(), starts_.end(), offset);
    auto i = static_cast<size_t>(next - starts_.begin()) - 1;
    for (uint64_t done = 0; done < count; ++i) {
      const uint64_t length = std::min(end_of(i) - (offset + done), count - done);
      if (length == 0) continue;  // an empty file
      const Status s = piece(i, length, offset + done - starts_[i], done);
      if (!s.ok()) return s;
      done += length;
    }
    return nbd::kOk;
  }

  std::vector<DiskFile> files_;
  std::vector<uint64_t> starts_;  // of each file in the disk, ascending
  uint64_t size_ = 0;
};

}  // namespace

NBDKIT_PLUGIN(Split)
