// SPDX-License-Identifier: BSD-3-Clause
//
// The bytes that a Content stands for, and a model of a disk made of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <span>
#include <string>

#include "scenario/model.hpp"

namespace testkit {

// Writes the bytes of `content` at disk offset `offset` into `out`. `seed` is
// the cell's: random content differs from cell to cell. Not for unknown content.
void fill(const Content& content, uint64_t seed, uint64_t offset, std::span<std::byte> out);

// Nothing if `got`, read at `offset`, is `content`, else "512 of 4096 bytes
// wrong from offset 512 (0x00 for 0x07)".
std::string compare(const Content& content, uint64_t seed, uint64_t offset,
                    std::span<const std::byte> got);

// What a disk holds as far as its clients can know: ranges of content. A write
// that is not acknowledged leaves its range unknown, since it may or may not
// have happened, and so does trim, which is only a hint.
//
// Threads: any; the ranges are inside the lock. Clients that run together must
// write to ranges of their own, or what they read is nobody's to foretell.
class DiskModel {
 public:
  explicit DiskModel(uint64_t seed, Content initial = {}) : seed_(seed) { ranges_[0] = initial; }

  void set(uint64_t offset, uint64_t length, const Content& content);
  // As compare() above; bytes whose content is unknown are right whatever they are.
  std::string compare(uint64_t offset, std::span<const std::byte> got) const;

 private:
  void split(uint64_t at);  // makes a range begin at `at`

  const uint64_t seed_;
  mutable std::mutex mutex_;
  std::map<uint64_t, Content> ranges_;  // by first byte, up to the next one's; never empty
};

}  // namespace testkit
