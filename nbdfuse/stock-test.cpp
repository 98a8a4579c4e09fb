// SPDX-License-Identifier: BSD-3-Clause
#include "stock.hpp"

#include <catch2/catch.hpp>
#include <cstring>
#include <vector>

using nbdfuse::Stock;

TEST_CASE("what is given back to a stock is what it gives next") {
  Stock stock(512, 4, 1);
  void* const first = stock.allocate(512);
  void* const second = stock.allocate(1);
  CHECK(second != first);
  stock.deallocate(first, 512);
  CHECK(stock.allocate(300) == first);
  stock.deallocate(first, 300);
  stock.deallocate(second, 1);
  CHECK(stock.allocate(512) == second);
  stock.deallocate(second, 512);
}

TEST_CASE("a stock that has no piece left, or none so large, gives of the heap") {
  Stock stock(64, 2, 2);
  std::vector<std::pair<void*, size_t>> taken;
  for (const size_t size : {64, 65, 64, 64, 100000}) {
    void* const at = stock.allocate(size);
    std::memset(at, 1, size);
    for (const auto& [other, length] : taken) {
      const auto* const from = static_cast<std::byte*>(other);
      CHECK((at < from || at >= from + length));
    }
    taken.emplace_back(at, size);
  }
  for (const auto& [at, size] : taken) stock.deallocate(at, size);
  CHECK(stock.allocate(64) == taken[2].first);  // the fourth was none of its own
  stock.deallocate(taken[2].first, 64);
}

TEST_CASE("a stock of very small pieces is one all the same") {
  Stock stock(1, 2, 2);
  void* const first = stock.allocate(1);
  void* const second = stock.allocate(1);
  stock.deallocate(first, 1);
  stock.deallocate(second, 1);
  CHECK(stock.allocate(1) == second);
  CHECK(stock.allocate(1) == first);
  stock.deallocate(first, 1);
  stock.deallocate(second, 1);
}
