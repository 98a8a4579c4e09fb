// SPDX-License-Identifier: BSD-3-Clause
//
// Where each block of the disk is, in two bits: in the disk below, in the overlay,
// or nowhere, since it is zeroes. A radix tree whose slots may stand for all that
// is under them ("all of it is below"), so the largest disk costs nothing until it
// is written to, and to trim all of it is one store.
//
// A leaf has 1024 blocks and, once made, 1024 places in the overlay: it is numbered
// in the order in which leaves are made, so an overlay is no larger than what was
// touched, wherever on the disk that is.
//
// Threads: find() takes no lock and may run at any time. It tells what each block
// was at some moment of the call, not all of them at the same. Whoever calls set()
// or place_of() has the blocks to himself (RangeLock), but others may do the same
// to their neighbours: words change by compare-and-swap, and the tree grows under a
// lock of its own. Nothing is freed before the map is, so nobody who looks can fall
// off; what is made once serves again when its blocks do.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace cow {

enum class State : uint8_t {
  below,  // as in the disk below
  data,   // in the overlay
  zero,   // zeroes; its place in the overlay is paid for, but has any bytes
  hole,   // zeroes, with nothing kept for it
};
inline bool has_place(State s) { return s == State::data || s == State::zero; }

class BlockMap {
 public:
  explicit BlockMap(uint64_t blocks);
  BlockMap(const BlockMap&) = delete;
  BlockMap& operator=(const BlockMap&) = delete;

  struct Run {
    State state;
    uint64_t end;    // behind the last block
    uint64_t place;  // of the first one, if has_place(state): others follow it
  };
  // The blocks of one state from this one on, but none from `limit` on. Those that
  // have a place end with their leaf, and may go on behind it.
  Run find(uint64_t block, uint64_t limit) const;

  // Where the block goes in the overlay, counted in blocks; it and those behind it,
  // up to `end`. Empty: no memory.
  struct Places {
    uint64_t first, end;
  };
  std::optional<Places> place_of(uint64_t block);

  // false: no memory, and some may have changed.
  [[nodiscard]] bool set(uint64_t first, uint64_t end, State state);

  uint64_t blocks() const { return blocks_; }
  // All of it is below, and always was.
  bool is_untouched() const { return root_.load(std::memory_order_relaxed) == 0; }

 private:
  static constexpr unsigned kLeafBits = 10;
  static constexpr unsigned kNodeBits = 9;
  static constexpr uint64_t kLeafBlocks = uint64_t{1} << kLeafBits;
  static constexpr uint64_t kWordBlocks = 32;
  static constexpr uint64_t kOnes = 0x5555555555555555;  // times a state: a word of it

  // A pointer to what divides it further, if there is or ever was any, and in its
  // low bits: whether it is divided, and if not, the state of all. 0 is "below".
  using Slot = std::atomic<uintptr_t>;
  static constexpr uintptr_t kDivided = 1;
  static constexpr unsigned kStateShift = 1;
  static constexpr uintptr_t kPointer = ~uintptr_t{7};
  static bool is_divided(uintptr_t slot) { return (slot & kDivided) != 0; }
  static State state_of(uintptr_t slot) { return static_cast<State>((slot >> kStateShift) & 3); }
  static uintptr_t uniform(uintptr_t slot, State state) {
    return (slot & kPointer) | static_cast<uintptr_t>(state) << kStateShift;
  }

  struct alignas(8) Leaf {
    std::array<std::atomic<uint64_t>, kLeafBlocks / kWordBlocks> words{};
    uint64_t first_place = 0;

    void fill(uint64_t first, uint64_t end, State state);
    Run find(uint64_t block) const;
  };
  struct alignas(8) Node {
    std::array<Slot, size_t{1} << kNodeBits> slots{};
  };
  // NOLINTBEGIN(performance-no-int-to-ptr): a word is what changes at once
  static Leaf& leaf_of(uintptr_t slot) { return *reinterpret_cast<Leaf*>(slot & kPointer); }
  static Node& node_of(uintptr_t slot) { return *reinterpret_cast<Node*>(slot & kPointer); }
  // NOLINTEND(performance-no-int-to-ptr)

  // A slot of level 0 has a leaf's blocks, one of level L those of 2^9 of level L-1.
  static uint64_t span(unsigned level) { return kLeafBlocks << (kNodeBits * level); }
  static size_t index(uint64_t block, unsigned level) {
    return (block / span(level)) % (size_t{1} << kNodeBits);
  }

  Run look(uint64_t block) const;
  bool divide(Slot& slot, unsigned level);
  Leaf* leaf_for(uint64_t block);
  bool clear(Slot& slot, unsigned level, uint64_t first, uint64_t end, State state);

  const uint64_t blocks_;
  unsigned depth_ = 0;  // the root's level
  Slot root_{0};
  std::mutex grow_;
  std::vector<std::unique_ptr<Leaf>> leaves_;
  std::vector<std::unique_ptr<Node>> nodes_;
};

}  // namespace cow
