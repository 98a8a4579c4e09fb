// SPDX-License-Identifier: BSD-3-Clause
#include "layers/traced-disk.hpp"

#include <string>

#include "base/error.hpp"
#include "base/log.hpp"
#include "layers/debug-flags.hpp"

namespace nbdkit {

using nbd::Flags;
using nbd::Status;

namespace {

class TracedDisk final : public nbd::Disk {
 public:
  TracedDisk(std::string_view layer, std::unique_ptr<nbd::Disk> disk)
      : layer_(layer), disk_(std::move(disk)) {
    properties_ = disk_->properties();
  }
  ~TracedDisk() override {
    if (server_debug_flags().backend_controlpath != 0) nbd::log::debug("{}: close", layer_);
  }

  Status pread(std::span<std::byte> buf, uint64_t offset, Flags flags) override {
    log("pread", buf.size(), offset, flags);
    return told("pread", disk_->pread(buf, offset, flags));
  }
  Status pwrite(std::span<const std::byte> buf, uint64_t offset, Flags flags) override {
    log("pwrite", buf.size(), offset, flags);
    return told("pwrite", disk_->pwrite(buf, offset, flags));
  }
  Status flush(Flags flags) override {
    if (is_on()) nbd::log::debug("{}: flush", layer_);
    return told("flush", disk_->flush(flags));
  }
  Status trim(uint64_t count, uint64_t offset, Flags flags) override {
    log("trim", count, offset, flags);
    return told("trim", disk_->trim(count, offset, flags));
  }
  Status zero(uint64_t count, uint64_t offset, Flags flags) override {
    log("zero", count, offset, flags);
    return told("zero", disk_->zero(count, offset, flags));
  }
  Status cache(uint64_t count, uint64_t offset, Flags flags) override {
    log("cache", count, offset, flags);
    return told("cache", disk_->cache(count, offset, flags));
  }
  Status extents(uint64_t count, uint64_t offset, Flags flags, nbd::Extents& out) override {
    log("extents", count, offset, flags);
    return told("extents", disk_->extents(count, offset, flags, out));
  }
  bool try_pread(std::span<std::byte> buf, uint64_t offset) override {
    const bool done = disk_->try_pread(buf, offset);
    if (done) log("pread", buf.size(), offset, Flags::none);
    return done;
  }
  Status lend(uint32_t count, uint64_t offset, nbd::Loan& out) override {
    const Status s = disk_->lend(count, offset, out);
    if (out.length() == 0 && s.ok()) return s;  // pread follows
    log("pread", count, offset, Flags::none);
    return told("pread", s);
  }
  void announce(const nbd::Announcement& request) override { disk_->announce(request); }
  std::string description() override { return disk_->description(); }

 private:
  static bool is_on() { return server_debug_flags().backend_datapath != 0; }

  void log(std::string_view call, uint64_t count, uint64_t offset, Flags flags) const {
    if (!is_on()) return;
    std::string text = fmt::format("{}: {} count={} offset={}", layer_, call, count, offset);
    if (has(flags, Flags::may_trim)) text += " may_trim=1";
    if (has(flags, Flags::fua)) text += " fua=1";
    if (has(flags, Flags::req_one)) text += " req_one=1";
    if (has(flags, Flags::fast_zero)) text += " fast_zero=1";
    nbd::log::debug(text);
  }
  Status told(std::string_view call, Status s) const {
    if (!s.ok() && is_on())
      nbd::log::debug("{}: {} failed: {}", layer_, call, nbd::errno_name(s.errnum()));
    return s;
  }

  std::string layer_;
  std::unique_ptr<nbd::Disk> disk_;
};

}  // namespace

std::unique_ptr<nbd::Disk> trace(std::string_view layer, std::unique_ptr<nbd::Disk> disk) {
  return std::make_unique<TracedDisk>(layer, std::move(disk));
}

}  // namespace nbdkit
