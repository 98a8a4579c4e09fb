// SPDX-License-Identifier: BSD-3-Clause
//
// tls-fallback: who comes without TLS gets a page to read instead of the disk.
//
// Nothing below is asked for such a client: not for a disk, nor for the names
// of exports.
#include <nbdkit/filter.hpp>

#include <algorithm>
#include <cstring>
#include <string>

namespace {

using nbd::Flags;
using nbd::Status;

constexpr uint64_t kSector = 512;

// The text, and zeroes up to the end of its last sector.
class Page final : public nbd::Disk {
 public:
  explicit Page(const std::string& text) : text_(text) {
    properties_.size = std::max<uint64_t>((text.size() + kSector - 1) / kSector, 1) * kSector;
    properties_.can_multi_conn = true;
    properties_.blocking = {};
  }
  Status pread(std::span<std::byte> buf, uint64_t offset, Flags) override {
    const uint64_t left = offset < text_.size() ? text_.size() - offset : 0;
    const size_t n = std::min<uint64_t>(left, buf.size());
    if (n > 0) std::memcpy(buf.data(), text_.data() + offset, n);
    std::fill(buf.begin() + static_cast<ptrdiff_t>(n), buf.end(), std::byte{0});
    return nbd::kOk;
  }
  Status pwrite(std::span<const std::byte>, uint64_t, Flags) override { return Status(EPERM); }
  Status flush(Flags) override { return nbd::kOk; }
  Status trim(uint64_t, uint64_t, Flags) override { return Status(EPERM); }
  Status zero(uint64_t, uint64_t, Flags) override { return Status(EPERM); }
  Status cache(uint64_t, uint64_t, Flags) override { return Status(EINVAL); }
  Status extents(uint64_t count, uint64_t offset, Flags, nbd::Extents& out) override {
    return out.add(offset, count, 0) ? nbd::kOk : Status(EIO);
  }
  std::string description() override { return ""; }

 private:
  const std::string& text_;
};

class TlsFallback {
 public:
  static constexpr auto name = "tls-fallback";
  static constexpr auto longname = "nbdkit tls-fallback filter";
  static constexpr auto description = "A page to read for clients without TLS";
  static constexpr auto help = "tlsreadme=<TEXT>              what the page says";

  bool config(std::string_view key, std::string_view value) {
    if (key != "tlsreadme") return false;
    text_ = value;
    return true;
  }
  void get_ready(nbd::ThreadModel model) const {
    if (model == nbd::ThreadModel::serialize_connections) {
      throw nbd::Error(
          "tls-fallback: this plugin serves one client at a time, and one without TLS could keep "
          "all others out");
    }
  }

  std::vector<nbd::ExportItem> list_exports_below(nbd::Layer& below, bool read_only, bool tls) {
    if (tls) return below.list_exports(read_only, tls);
    return {{"", ""}};
  }
  std::string default_export(nbd::Layer& below, bool read_only, bool tls) {
    return tls ? below.default_export(read_only, tls) : "";
  }
  std::unique_ptr<nbd::Disk> open_below(nbd::Layer& below, const nbd::OpenRequest& request) {
    if (request.tls) return below.open(request);
    return std::make_unique<Page>(text_);
  }

 private:
  std::string text_ = "This NBD server serves its data to clients that use TLS.\n";
};

}  // namespace

NBDKIT_FILTER(TlsFallback)
