// SPDX-License-Identifier: BSD-3-Clause
//
// What a rule's damage is for one request, once it is decided that there is some.
// Pure functions of the firing.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "evil/bad-bits.hpp"
#include "faults/matcher.hpp"

namespace nbd::filters {

// The bits of `count` bytes that are flipped, in order, none twice.
std::vector<Bit> bits_to_flip(const Firing& firing, uint64_t count);
void flip(std::span<std::byte> data, const std::vector<Bit>& bits);

// How much of a write is stored; whole blocks. block: 1 or a power of two.
uint64_t torn_at(const Firing& firing, uint64_t count, uint64_t block);

// Where a write lands instead: within the disk, whole blocks.
uint64_t misdirected_to(const Firing& firing, uint64_t offset, uint64_t count, uint64_t size,
                        uint64_t block);

}  // namespace nbd::filters
