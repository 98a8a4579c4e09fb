// SPDX-License-Identifier: BSD-3-Clause
//
// cow: a disk that may be spoiled. Writes go to an overlay, which is gone with the
// server; the disk below is opened read-only.
//
// Every export has one overlay, which all its connections share, so what one has
// written the others read at once. Nothing of it survives the server, so to flush
// it would be work for nobody: flush and FUA do nothing.
//
// Threads: the overlays are found and let go under a lock, when clients come and
// go. An overlay looks after itself.
#include "../common.hpp"

#include <unistd.h>

#include <bit>
#include <map>
#include <mutex>

#include "base/parse.hpp"
#include "overlay.hpp"

namespace {

using cow::Overlay;
using nbd::Flags;
using nbd::Next;
using nbd::Op;
using nbd::Status;

constexpr uint64_t kLeastBlock = 4 << 10;
// The largest that clients may be told to prefer; a small write needs one in memory.
constexpr uint64_t kMostBlock = 32 << 20;

class Cow {
 public:
  static constexpr auto name = "cow";
  static constexpr auto longname = "nbdkit copy-on-write (COW) filter";
  static constexpr auto description = "Keep what is written in an overlay that is thrown away";
  static constexpr auto help =
      "cow-block-size=<SIZE>         what is copied at once: a power of 2, 4K to 32M (default "
      "64K)\n"
      "cow-on-cache=<BOOL>           cache requests copy to the overlay (default false)\n"
      "cow-on-read=<BOOL>|</PATH>    so do reads; or they do so while PATH exists (default false)";

  bool config(std::string_view key, std::string_view value) {
    if (key == "cow-block-size") {
      block_ = nbd::parse_size(value);
      if (!std::has_single_bit(block_) || block_ < kLeastBlock || block_ > kMostBlock) {
        nbd::filters::bad_value(key, "a power of 2 from 4K to 32M", value);
      }
    } else if (key == "cow-on-cache") {
      on_cache_ = nbd::parse_bool(key, value);
    } else if (key == "cow-on-read") {
      set_on_read(key, value);
    } else {
      return false;
    }
    return true;
  }
  // The user hears of a folder that cannot be written to, not the first client.
  void get_ready() const { const cow::OverlayFile tried; }

  std::unique_ptr<nbd::Disk> open_below(nbd::Layer& below, const nbd::OpenRequest& request) const {
    nbd::OpenRequest changed = request;
    changed.read_only = true;
    return below.open(changed);
  }
  std::string default_export(nbd::Layer& below, bool, bool tls) const {
    return below.default_export(true, tls);
  }

  // The overlay of one export.
  struct Kept {
    Kept(uint64_t size, uint64_t block) : overlay(size, block) {}
    Overlay overlay;
    unsigned users = 0;
  };
  using Overlays = std::map<std::string, Kept>;

  struct Connection {
    Connection(Cow& filter, Next& next, const nbd::OpenRequest& request)
        : filter_(filter),
          kept_(filter.join(request.export_name, next)),
          overlay_(kept_->second.overlay),
          can_write_(!request.read_only) {}
    ~Connection() { filter_.leave(kept_); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void properties(nbd::Properties& p) const {
      p.can_write = p.can_trim = p.can_zero = p.can_fast_zero = can_write_;
      p.can_flush = true;
      p.can_fua = can_write_ ? nbd::Support::native : nbd::Support::none;
      p.can_cache = nbd::Support::native;
      p.can_extents = true;
      p.can_multi_conn = true;
      p.tries_reads = true;
      nbd::BlockSize& b = p.block_size;
      b = {.minimum = std::max<uint32_t>(b.minimum, 1),
           .preferred = std::max(b.preferred, static_cast<uint32_t>(overlay_.block())),
           .maximum = UINT32_MAX,
           .advisory = b.advisory};
      // A file may have to be waited for.
      for (const Op op : {Op::read, Op::write, Op::trim, Op::zero}) p.blocking.insert(op);
      if (filter_.on_cache_) p.blocking.insert(Op::cache);
    }

    Status pread(Next& next, std::span<std::byte> buf, uint64_t offset, Flags) {
      // Reads do not fail for want of room: then it is read where it is.
      if (filter_.is_on_read()) (void)overlay_.fetch(next, buf.size(), offset);
      return overlay_.read(next, buf, offset);
    }
    bool try_pread(Next& next, std::span<std::byte> buf, uint64_t offset) const {
      return !filter_.is_on_read() && overlay_.try_read(next, buf, offset);
    }
    Status pwrite(Next& next, std::span<const std::byte> buf, uint64_t offset, Flags) {
      return overlay_.write(next, buf, offset);
    }
    Status flush(Next&, Flags) const { return nbd::kOk; }
    Status trim(Next&, uint64_t count, uint64_t offset, Flags) {
      return overlay_.trim(count, offset);
    }
    Status zero(Next& next, uint64_t count, uint64_t offset, Flags flags) {
      return overlay_.zero(next, count, offset, flags);
    }
    Status cache(Next& next, uint64_t count, uint64_t offset, Flags) {
      if (filter_.on_cache_) return overlay_.fetch(next, count, offset);
      return overlay_.prefetch(next, count, offset);
    }
    Status extents(Next& next, uint64_t count, uint64_t offset, Flags flags,
                   nbd::Extents& out) const {
      return overlay_.extents(next, count, offset, flags, out);
    }

   private:
    Cow& filter_;
    const Overlays::iterator kept_;
    Overlay& overlay_;
    const bool can_write_;
  };

 private:
  Overlays::iterator join(const std::string& export_name, Next& next) {
    const uint64_t block = std::max<uint64_t>(block_, next.properties().block_size.minimum);
    const std::lock_guard lock(mutex_);
    const auto kept = overlays_.try_emplace(export_name, next.size(), block).first;
    if (kept->second.overlay.size() != next.size()) {
      throw nbd::Error("cow: the disk below has changed its size from " +
                       std::to_string(kept->second.overlay.size()) + " to " +
                       std::to_string(next.size()) + " bytes");
    }
    ++kept->second.users;
    return kept;
  }
  // One that has nothing to keep goes: clients may ask for any number of names.
  void leave(Overlays::iterator kept) {
    const std::lock_guard lock(mutex_);
    if (--kept->second.users == 0 && kept->second.overlay.is_untouched()) overlays_.erase(kept);
  }

  void set_on_read(std::string_view key, std::string_view value) {
    on_read_path_ = value.starts_with('/') ? value : "";
    try {
      on_read_ = on_read_path_.empty() && nbd::parse_bool(key, value);
    } catch (const nbd::Error&) {
      nbd::filters::bad_value(key, "true, false or a path from / on", value);
    }
  }
  bool is_on_read() const {
    return on_read_ || (!on_read_path_.empty() && ::access(on_read_path_.c_str(), F_OK) == 0);
  }

  uint64_t block_ = 64 << 10;
  bool on_cache_ = false, on_read_ = false;
  std::string on_read_path_;
  std::mutex mutex_;
  Overlays overlays_;
};

}  // namespace

NBDKIT_FILTER(Cow)
