// SPDX-License-Identifier: BSD-3-Clause
#include "block-map.hpp"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <set>

using cow::BlockMap;
using cow::has_place;
using cow::State;

namespace {

unsigned seed() {
  const char* given = std::getenv("SEED");
  return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 0))
                          : std::random_device()();
}

}  // namespace

// Method: random ranges get random states, in a map and in a plain vector; then every
// block is what the vector says, runs are as long as they can be (but for the end of a
// leaf), and no two blocks have one place, nor any block a second one.
TEST_CASE("a map is what was set, wherever its leaves begin and end") {
  const unsigned s = seed();
  CAPTURE(s);
  WARN("seed " << s);
  std::mt19937_64 random(s);
  for (const uint64_t blocks : {1, 31, 1000, 1024, 1025, 5000, 540000}) {
    CAPTURE(blocks);
    BlockMap map(blocks);
    std::vector<State> model(blocks, State::below);
    std::map<uint64_t, uint64_t> places;  // of blocks
    std::set<uint64_t> taken;
    for (int i = 0; i < (blocks > 5000 ? 10 : 200); ++i) {
      const uint64_t longest = i % 3 == 0 ? blocks : std::min<uint64_t>(blocks, 70);
      uint64_t first = random() % blocks;
      uint64_t end = std::min(blocks, first + 1 + random() % longest);
      if (i % 16 == 0) first = 0;
      if (i % 32 == 0) end = blocks;
      const auto state = static_cast<State>(random() % 4);
      REQUIRE(map.set(first, end, state));
      std::fill(model.begin() + static_cast<ptrdiff_t>(first),
                model.begin() + static_cast<ptrdiff_t>(end), state);
      for (uint64_t at = 0; at < blocks;) {
        const BlockMap::Run run = map.find(at, blocks);
        if (run.end <= at || run.end > blocks) FAIL("a run from " << at << " to " << run.end);
        const auto from = model.begin() + static_cast<ptrdiff_t>(at);
        const auto to = model.begin() + static_cast<ptrdiff_t>(run.end);
        if (!std::all_of(from, to, [&](State m) { return m == run.state; })) {
          FAIL("not all from " << at << " to " << run.end << " are of one state");
        }
        if (has_place(run.state)) {
          for (uint64_t b = at; b < run.end; ++b) {
            const auto [known, is_new] = places.try_emplace(b, run.place + (b - at));
            const bool stays = known->second == run.place + (b - at);
            const bool is_its_own = !is_new || taken.insert(known->second).second;
            if (!stays || !is_its_own) FAIL("block " << b << " at place " << known->second);
          }
        } else if (run.end != blocks && model[run.end] == run.state) {
          FAIL("the run from " << at << " goes on behind " << run.end);
        }
        at = run.end;
      }
    }
  }
}

TEST_CASE("find() keeps to its limit") {
  BlockMap map(5000);
  CHECK(map.find(7, 9).end == 9);
  REQUIRE(map.set(0, 5000, State::data));
  CHECK(map.find(7, 9).end == 9);
  CHECK(map.find(7, 5000).end == 1024);
}

TEST_CASE("a place is known before its block has a state, and stays") {
  BlockMap map(1 << 20);
  const auto high = map.place_of(1000000);
  REQUIRE(high);
  CHECK(high->first < 1024);
  CHECK(high->end == 1000448);  // of its leaf
  CHECK(map.find(1000000, 1000001).state == State::below);
  REQUIRE(map.set(0, 1 << 20, State::hole));
  CHECK(map.place_of(1000000)->first == high->first);
  CHECK(map.find(1000000, 1000001).state == State::hole);
}

TEST_CASE("the largest disk is trimmed at once, and its map stays small") {
  constexpr uint64_t kBlocks = uint64_t{1} << 51;  // of 4 KiB: 8 EiB
  BlockMap map(kBlocks);
  CHECK(map.is_untouched());
  CHECK(map.find(0, kBlocks).end == kBlocks);
  REQUIRE(map.set(1, kBlocks, State::hole));
  CHECK_FALSE(map.is_untouched());
  CHECK(map.find(0, kBlocks).end == 1);
  CHECK(map.find(1, kBlocks).end == kBlocks);
  REQUIRE(map.set(kBlocks - 2, kBlocks - 1, State::data));
  CHECK(map.find(kBlocks - 2, kBlocks).place < 4096);
  CHECK(map.find(1, kBlocks).end == kBlocks - 2);
  CHECK(map.find(kBlocks - 1, kBlocks).state == State::hole);
}
