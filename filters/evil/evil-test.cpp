// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "evil/bad-bits.hpp"
#include "evil/byte-map.hpp"
#include "evil/damage.hpp"
#include "faults/parser.hpp"

namespace {

using namespace nbd::filters;
using Bytes = std::vector<std::byte>;

std::vector<Bit> spoiled(const BadBits& bits, uint64_t offset, size_t count, uint64_t request = 1) {
  Bytes zeroes(count), ones(count, std::byte{0xff});
  std::vector<Bit> out = bits.spoil(zeroes, offset, request);
  for (const Bit& b : bits.spoil(ones, offset, request)) out.push_back(b);
  std::sort(out.begin(), out.end(), [](const Bit& a, const Bit& b) {
    return std::pair(a.byte, a.bit) < std::pair(b.byte, b.bit);
  });
  return out;
}

Firing firing(const std::string& rule, uint64_t index) {
  return {std::make_shared<Rule>(parse_rule(Trade::damage, "evil-rule", rule)), 1,
          Draw(Draw::stream(7, "evil/1"), index)};
}

}  // namespace

TEST_CASE("a stuck bit is stuck in whatever pieces the disk is read") {
  const BadBits bits(EvilMode::stuck_bits, 1e-3, 1, 42);
  constexpr size_t kSize = 300000;
  const auto all = spoiled(bits, 1000, kSize);
  // So many are expected: 2400, with a deviation of 49.
  CHECK(all.size() > 2100);
  CHECK(all.size() < 2700);
  std::vector<Bit> in_pieces;
  for (size_t at = 0; at < kSize; at += 777) {
    for (const Bit& b : spoiled(bits, 1000 + at, std::min<size_t>(777, kSize - at), at)) {
      in_pieces.push_back(b);
    }
  }
  CHECK(in_pieces == all);
  CHECK(spoiled(BadBits(EvilMode::stuck_bits, 1e-3, 1, 43), 1000, kSize) != all);
}

TEST_CASE("a stuck wire is at the same place of each read") {
  const BadBits wires(EvilMode::stuck_wires, 1e-3, 1, 42);
  auto first = spoiled(wires, 0, 4096), second = spoiled(wires, 123456, 4096, 2);
  REQUIRE(!first.empty());
  for (Bit& b : second) b.byte -= 123456;
  CHECK(first == second);
}

TEST_CASE("a cosmic ray hits one read and not the next") {
  const BadBits rays(EvilMode::cosmic_rays, 1e-3, 1, 42);
  CHECK(spoiled(rays, 0, 4096, 1) == spoiled(rays, 0, 4096, 1));
  CHECK(spoiled(rays, 0, 4096, 1) != spoiled(rays, 0, 4096, 2));
}

TEST_CASE("a bad bit is stuck as often as it is said") {
  const BadBits bits(EvilMode::stuck_bits, 1e-3, 0.5, 42);
  const BadBits always(EvilMode::stuck_bits, 1e-3, 1, 42);
  size_t seen = 0;
  for (uint64_t request = 0; request < 100; ++request) {
    seen += spoiled(bits, 0, 8192, request).size();
  }
  const size_t most = 100 * spoiled(always, 0, 8192).size();
  CHECK(seen > most / 3);
  CHECK(seen < most * 2 / 3);
}

TEST_CASE("of all bits all are bad") {
  const BadBits rays(EvilMode::cosmic_rays, 1, 1, 42);
  Bytes data(100000);
  CHECK(rays.spoil(data, 5, 1).size() == 800000);
  CHECK(std::all_of(data.begin(), data.end(), [](std::byte b) { return b == std::byte{0xff}; }));
  const BadBits none(EvilMode::stuck_bits, 0, 1, 42);
  CHECK(none.spoil(data, 5, 1).empty());
}

TEST_CASE("bits to flip are as many as asked for, and none twice") {
  for (uint64_t index = 1; index < 50; ++index) {
    const auto bits = bits_to_flip(firing("flip=7", index), 1);
    CHECK(bits.size() == 7);
    CHECK(std::adjacent_find(bits.begin(), bits.end()) == bits.end());
  }
  CHECK(bits_to_flip(firing("flip=100", 1), 2).size() == 16);
}

TEST_CASE("a torn write stores whole sectors, at least one too few") {
  std::map<uint64_t, int> seen;
  for (uint64_t index = 1; index < 200; ++index) {
    const uint64_t stored = torn_at(firing("torn", index), 4096, 1);
    CHECK(stored % 512 == 0);
    CHECK(stored < 4096);
    ++seen[stored];
    CHECK(torn_at(firing("torn", index), 512, 1) < 512);
    CHECK(torn_at(firing("torn", index), 513, 1) <= 512);
  }
  CHECK(seen.size() == 8);
  CHECK(torn_at(firing("torn=1000", 1), 4096, 1) == 1000);
  CHECK(torn_at(firing("torn=1000", 1), 4096, 512) == 512);
  CHECK(torn_at(firing("torn=1M", 1), 4096, 512) == 4096);
}

TEST_CASE("a misdirected write stays on the disk and does not hit its place") {
  for (uint64_t index = 1; index < 200; ++index) {
    const uint64_t at = misdirected_to(firing("misdirect", index), 4096, 4096, 65536, 1);
    CHECK(at % 512 == 0);
    CHECK(at + 4096 <= 65536);
    CHECK(at != 4096);
  }
  CHECK(misdirected_to(firing("misdirect=+4K", 1), 0, 512, 65536, 1) == 4096);
  CHECK(misdirected_to(firing("misdirect=-4K", 1), 0, 512, 65536, 512) == 61440);
  CHECK(misdirected_to(firing("misdirect=+7E", 1), 65024, 512, 65536, 1) <= 65024);
  CHECK(misdirected_to(firing("misdirect", 1), 0, 65536, 65536, 1) == 0);
}

// Method: random puts and erasures on a map and on an array; the array says of each
// byte what is known of it.
TEST_CASE("a map of bytes is like an array that remembers what was put") {
  const unsigned seed = std::random_device{}();
  INFO("seed " << seed);
  std::mt19937 random(seed);
  const auto below = [&](unsigned n) { return static_cast<size_t>(random() % n); };
  for (int round = 0; round < 20; ++round) {
    constexpr size_t kSize = 200;
    ByteMap map;
    std::vector<int> model(kSize, -1);
    for (int step = 0; step < 200; ++step) {
      const size_t at = below(kSize), count = below(static_cast<unsigned>(kSize - at)) / 3 + 1;
      if (below(4) == 0) {
        map.erase(at, count);
        for (size_t i = at; i < std::min(at + count, kSize); ++i) model[i] = -1;
      } else {
        const Bytes data(std::min(count, kSize - at), static_cast<std::byte>(step));
        map.put(at, data);
        for (size_t i = 0; i < data.size(); ++i) model[at + i] = step & 0xff;
      }
      const auto known = static_cast<size_t>(
          std::count_if(model.begin(), model.end(), [](int b) { return b >= 0; }));
      REQUIRE(map.size() == known);
      const size_t from = below(kSize);
      Bytes buffer(kSize - from, std::byte{0xee}), expected = buffer;
      size_t known_here = 0;
      for (size_t i = from; i < kSize; ++i) {
        if (model[i] < 0) continue;
        expected[i - from] = static_cast<std::byte>(model[i]);
        ++known_here;
      }
      REQUIRE(map.copy_to(from, buffer) == known_here);
      REQUIRE(buffer == expected);
    }
  }
}

TEST_CASE("the oldest bytes are forgotten first") {
  ByteMap map;
  for (uint64_t i = 0; i < 100; ++i) map.put((i * 37) % 100 * 10, Bytes(10, std::byte{1}));
  map.forget_oldest();
  CHECK(map.size() < 1000);
  CHECK(map.size() > 500);
  Bytes one(10);
  CHECK(map.copy_to(0, one) == 0);                    // put first
  CHECK(map.copy_to(99 * 37 % 100 * 10, one) == 10);  // put last
}
