// SPDX-License-Identifier: BSD-3-Clause
//
// For tests: a plugin that is quick, until it is not. In its second half a read or
// a trim waits until somebody has written to the same place (not for ever). With
// jitter=N one read in N takes a millisecond instead; with each=MICROSECONDS all
// reads take so long at least. What is read is where it was read from.
#include <nbdkit/plugin.hpp>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <set>
#include <thread>

namespace {

using nbd::Flags;
using nbd::Status;

constexpr uint64_t kSize = 1 << 20;

struct Sticky {
  static constexpr auto name = "sticky";

  bool config(std::string_view key, std::string_view value) {
    if (key == "jitter") jitter_ = nbd::parse_uint64(key, value);
    if (key == "each") each_ = std::chrono::microseconds(nbd::parse_uint64(key, value));
    return key == "jitter" || key == "each";
  }
  uint64_t size() { return kSize; }

  Status pread(std::span<std::byte> buf, uint64_t offset, Flags) {
    const auto until = std::chrono::steady_clock::now() + each_;
    while (std::chrono::steady_clock::now() < until) {
    }
    if (jitter_ != 0) {
      if (offset / 512 % jitter_ == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    } else if (const Status s = wait_if_sticky(offset); !s.ok()) {
      return s;
    }
    for (size_t at = 0; at + 8 <= buf.size(); at += 8) {
      const uint64_t here = offset + at;
      std::memcpy(&buf[at], &here, 8);
    }
    return nbd::kOk;
  }
  Status pwrite(std::span<const std::byte>, uint64_t offset, Flags) {
    const std::lock_guard lock(mutex_);
    written_to_.insert(offset);
    written_.notify_all();
    return nbd::kOk;
  }
  Status trim(uint32_t, uint64_t offset, Flags) { return wait_if_sticky(offset); }

 private:
  Status wait_if_sticky(uint64_t offset) {
    if (offset < kSize / 2) return nbd::kOk;
    std::unique_lock lock(mutex_);
    const bool came = written_.wait_for(lock, std::chrono::seconds(10),
                                        [&] { return written_to_.contains(offset); });
    return came ? nbd::kOk : Status(ETIMEDOUT);
  }

  uint64_t jitter_ = 0;
  std::chrono::microseconds each_{0};
  std::mutex mutex_;
  std::condition_variable written_;
  std::set<uint64_t> written_to_;
};

}  // namespace

NBDKIT_PLUGIN(Sticky)
