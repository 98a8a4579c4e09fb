// SPDX-License-Identifier: BSD-3-Clause
#include "evil/damage.hpp"

#include <algorithm>
#include <set>

namespace nbd::filters {

namespace {
constexpr uint64_t kSector = 512;  // what disks tear and misplace
}

std::vector<Bit> bits_to_flip(const Firing& firing, uint64_t count) {
  const uint64_t all = count * 8, wanted = std::min(firing.rule->amount.value_or(1), all);
  std::set<uint64_t> chosen;
  for (uint64_t i = 0; chosen.size() < wanted; ++i) {
    uint64_t bit = firing.draw.below(kDamageLane + i, all);
    while (!chosen.insert(bit).second) bit = (bit + 1) % all;
  }
  std::vector<Bit> out;
  for (const uint64_t bit : chosen) out.push_back({bit / 8, static_cast<unsigned>(bit % 8)});
  return out;
}

void flip(std::span<std::byte> data, const std::vector<Bit>& bits) {
  for (const Bit& b : bits) data[b.byte] ^= static_cast<std::byte>(1u << b.bit);
}

uint64_t torn_at(const Firing& firing, uint64_t count, uint64_t block) {
  uint64_t stored = firing.rule->amount.value_or(0);
  if (!firing.rule->amount) {
    stored = count > kSector ? firing.draw.below(kDamageLane, (count - 1) / kSector + 1) * kSector
                             : firing.draw.below(kDamageLane, count);
  }
  stored = std::min(stored, count);
  return stored == count ? count : stored / block * block;
}

uint64_t misdirected_to(const Firing& firing, uint64_t offset, uint64_t count, uint64_t size,
                        uint64_t block) {
  const uint64_t last = size - count;  // where it may begin at the latest
  if (firing.rule->displacement) {
    // Past an end of the disk is at the other one.
    const auto places = static_cast<__int128>(last / block) + 1;
    const auto moved = static_cast<__int128>(offset) + *firing.rule->displacement;
    const auto place = moved / static_cast<__int128>(block) % places;
    return static_cast<uint64_t>(place < 0 ? place + places : place) * block;
  }
  const uint64_t step = std::max(block, kSector), places = last / step + 1;
  uint64_t place = firing.draw.below(kDamageLane, places);
  if (place * step == offset) place = (place + 1) % places;
  return place * step;
}

}  // namespace nbd::filters
