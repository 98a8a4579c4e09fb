// SPDX-License-Identifier: BSD-3-Clause
#include "block-map.hpp"

#include <algorithm>
#include <bit>
#include <new>

namespace cow {

BlockMap::BlockMap(uint64_t blocks) : blocks_(blocks) {
  while (span(depth_) < blocks) ++depth_;
}

// ---- A leaf

void BlockMap::Leaf::fill(uint64_t first, uint64_t end, State state) {
  const uint64_t wanted = kOnes * static_cast<uint64_t>(state);
  while (first < end) {
    const uint64_t within = first % kWordBlocks;
    const uint64_t n = std::min(kWordBlocks - within, end - first);
    std::atomic<uint64_t>& word = words[first / kWordBlocks];
    if (n == kWordBlocks) {
      word.store(wanted, std::memory_order_release);
    } else {
      const uint64_t mask = ((uint64_t{1} << 2 * n) - 1) << 2 * within;
      uint64_t old = word.load(std::memory_order_relaxed);
      while (!word.compare_exchange_weak(old, (old & ~mask) | (wanted & mask),
                                         std::memory_order_release, std::memory_order_relaxed)) {
      }
    }
    first += n;
  }
}

// Counted within the leaf.
BlockMap::Run BlockMap::Leaf::find(uint64_t block) const {
  const uint64_t first =
      words[block / kWordBlocks].load(std::memory_order_acquire) >> 2 * (block % kWordBlocks);
  Run run{static_cast<State>(first & 3), block, first_place + block};
  uint64_t differs = first ^ (kOnes * (first & 3));
  uint64_t left = kWordBlocks - block % kWordBlocks;
  if (left < kWordBlocks) differs &= (uint64_t{1} << 2 * left) - 1;
  while (differs == 0) {
    run.end += left;
    if (run.end == kLeafBlocks) return run;
    left = kWordBlocks;
    differs = words[run.end / kWordBlocks].load(std::memory_order_acquire) ^
              (kOnes * static_cast<uint64_t>(run.state));
  }
  run.end += static_cast<uint64_t>(std::countr_zero(differs)) / 2;
  return run;
}

// ---- The tree

BlockMap::Run BlockMap::look(uint64_t block) const {
  const Slot* slot = &root_;
  for (unsigned level = depth_;; --level) {
    const uintptr_t now = slot->load(std::memory_order_acquire);
    const uint64_t begin = block & ~(span(level) - 1);
    if (!is_divided(now)) return {state_of(now), begin + span(level), 0};
    if (level == 0) {
      Run run = leaf_of(now).find(block - begin);
      run.end += begin;
      return run;
    }
    slot = &node_of(now).slots[index(block, level - 1)];
  }
}

BlockMap::Run BlockMap::find(uint64_t block, uint64_t limit) const {
  Run run = look(block);
  while (run.end < limit && !has_place(run.state)) {
    const Run more = look(run.end);
    if (more.state != run.state) break;
    run.end = more.end;
  }
  run.end = std::min(run.end, limit);
  return run;
}

// What is under the slot gets the state that the slot had. Somebody may still look
// at what was there before it became uniform: he sees what was true when he began,
// or what is true now.
bool BlockMap::divide(Slot& slot, unsigned level) {
  const std::lock_guard lock(grow_);
  uintptr_t now = slot.load(std::memory_order_relaxed);
  if (is_divided(now)) return true;  // a neighbour has done it
  const State state = state_of(now);
  try {
    if ((now & kPointer) == 0 && level == 0) {
      leaves_.push_back(std::make_unique<Leaf>());
      leaves_.back()->first_place = (leaves_.size() - 1) * kLeafBlocks;
      now = reinterpret_cast<uintptr_t>(leaves_.back().get());
    } else if ((now & kPointer) == 0) {
      nodes_.push_back(std::make_unique<Node>());
      now = reinterpret_cast<uintptr_t>(nodes_.back().get());
    }
  } catch (const std::bad_alloc&) {
    return false;
  }
  if (level == 0) {
    leaf_of(now).fill(0, kLeafBlocks, state);
  } else {
    for (Slot& s : node_of(now).slots) {
      s.store(uniform(s.load(std::memory_order_relaxed), state), std::memory_order_release);
    }
  }
  slot.store((now & kPointer) | kDivided, std::memory_order_release);
  return true;
}

BlockMap::Leaf* BlockMap::leaf_for(uint64_t block) {
  Slot* slot = &root_;
  for (unsigned level = depth_;; --level) {
    if (!is_divided(slot->load(std::memory_order_acquire)) && !divide(*slot, level)) {
      return nullptr;
    }
    const uintptr_t now = slot->load(std::memory_order_acquire);
    if (level == 0) return &leaf_of(now);
    slot = &node_of(now).slots[index(block, level - 1)];
  }
}

std::optional<BlockMap::Places> BlockMap::place_of(uint64_t block) {
  const Leaf* leaf = leaf_for(block);
  if (leaf == nullptr) return std::nullopt;
  const uint64_t within = block % kLeafBlocks;
  return Places{leaf->first_place + within, std::min(block - within + kLeafBlocks, blocks_)};
}

bool BlockMap::set(uint64_t first, uint64_t end, State state) {
  if (first >= end) return true;
  if (!has_place(state)) {
    // Nothing is behind the last block, so what ends there fills its slots.
    return clear(root_, depth_, first, end == blocks_ ? span(depth_) : end, state);
  }
  while (first < end) {
    Leaf* leaf = leaf_for(first);
    if (leaf == nullptr) return false;
    const uint64_t within = first % kLeafBlocks;
    const uint64_t n = std::min(kLeafBlocks - within, end - first);
    leaf->fill(within, within + n, state);
    first += n;
  }
  return true;
}

// The range is counted from the slot's first block, and not empty.
bool BlockMap::clear(Slot& slot, unsigned level, uint64_t first, uint64_t end, State state) {
  const uintptr_t now = slot.load(std::memory_order_acquire);
  if (!is_divided(now) && state_of(now) == state) return true;
  if (first == 0 && end == span(level)) {
    slot.store(uniform(now, state), std::memory_order_release);
    return true;
  }
  if (!is_divided(now) && !divide(slot, level)) return false;
  const uintptr_t parts = slot.load(std::memory_order_acquire);
  if (level == 0) {
    leaf_of(parts).fill(first, end, state);
    return true;
  }
  const uint64_t part = span(level - 1);
  for (uint64_t i = first / part; i * part < end; ++i) {
    const uint64_t from = std::max(first, i * part) - i * part;
    const uint64_t to = std::min(end, (i + 1) * part) - i * part;
    if (!clear(node_of(parts).slots[i], level - 1, from, to, state)) return false;
  }
  return true;
}

}  // namespace cow
