// SPDX-License-Identifier: BSD-3-Clause
//
// For tests: a plugin that lends what it serves, as how= says: memory (in two
// pieces), pages (so too), some (pages where the offset is a multiple of 64 KiB,
// elsewhere it declines after the first piece), file, no (asked to, it declines),
// short (half of what was asked for), throw. A copy is marked by what pread gives instead: 0xee.
// The last 512 bytes of the disk say how many loans there were and how many were given back.
#include <nbdkit/plugin.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstring>

namespace {

constexpr size_t kSize = 8 << 20;

std::byte content(size_t at) { return static_cast<std::byte>((at * 131) >> 4); }

struct Lending {
  static constexpr auto name = "lending";

  bool config(std::string_view key, std::string_view value) {
    if (key == "how") how_ = value;
    if (key == "shrink") shrink_ = true;
    return key == "how" || key == "shrink";
  }
  void get_ready() {
    for (size_t at = 0; at < kSize; ++at) bytes_[at] = content(at);
    file_ = std::tmpfile();
    std::fwrite(bytes_, 1, kSize, file_);
    std::fflush(file_);
    if (shrink_ && ::ftruncate(fileno(file_), 4096) != 0) throw nbd::Error("ftruncate");
  }

  uint64_t size() { return kSize; }

  nbd::Status pread(std::span<std::byte> buf, uint64_t offset, nbd::Flags) {
    std::fill(buf.begin(), buf.end(), std::byte{0xee});
    if (offset == kSize - 512) {
      const uint32_t counts[2] = {lent_, given_back_};
      std::memcpy(buf.data(), counts, sizeof counts);
    }
    return nbd::kOk;
  }

  bool lend(uint32_t count, uint64_t offset, nbd::Lender& out) {
    if (how_ == "no") return false;
    if (how_ == "throw") throw nbd::Error(ENOSPC, "lend is bad");
    const auto bytes = std::span<const std::byte>(bytes_).subspan(offset, count);
    if (how_ == "pages" || how_ == "some") {
      if (!out.pages(bytes.first(count / 2))) return false;
      if (how_ == "some" && offset % 65536 != 0) return false;
      return out.pages(bytes.subspan(count / 2));
    }
    ++lent_;
    out.until([](void* plugin) { ++static_cast<Lending*>(plugin)->given_back_; }, this);
    if (how_ == "file") {
      out.file(fileno(file_), offset, count);
    } else {
      out.bytes(bytes.first(count / 2));
      if (how_ != "short") out.bytes(bytes.subspan(count / 2));
    }
    return true;
  }

 private:
  std::string how_ = "memory";
  bool shrink_ = false;
  alignas(4096) static inline std::byte bytes_[kSize];
  std::FILE* file_ = nullptr;
  std::atomic<uint32_t> lent_ = 0, given_back_ = 0;
};

}  // namespace

NBDKIT_PLUGIN(Lending)
