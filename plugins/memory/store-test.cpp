// SPDX-License-Identifier: BSD-3-Clause
#include "store.hpp"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

namespace {

using memory::kPageSize;
using memory::Store;

// Spread over several nodes of the table, and over two levels of it.
constexpr uint64_t kDiskSize = uint64_t{1} << 42;

std::unique_ptr<Store> make([[maybe_unused]] const std::string& kind) {
#ifdef NBD_HAVE_ZSTD
  if (kind == "zstd") return memory::make_zstd_store(kDiskSize, 1);
#endif
  return memory::make_sparse_store(kDiskSize);
}

std::vector<std::string> kinds() {
#ifdef NBD_HAVE_ZSTD
  return {"sparse", "zstd"};
#else
  return {"sparse"};
#endif
}

// A failing seed is given again with SEED=N.
unsigned seed() {
  const char* given = std::getenv("SEED");
  return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 0))
                          : std::random_device()();
}

using Bytes = std::vector<std::byte>;

// Text-like: it can be compressed, but differs from place to place.
void fill_with_text(std::span<std::byte> buf, std::mt19937& random) {
  for (std::byte& b : buf) b = static_cast<std::byte>('a' + random() % 4);
}

Bytes read(Store& store, uint64_t count, uint64_t offset) {
  Bytes out(count, std::byte{0x77});
  REQUIRE(store.read(out, offset).ok());
  return out;
}

bool is_zero(std::span<const std::byte> bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](std::byte b) { return b == std::byte{0}; });
}

uint64_t allocated(Store& store, uint64_t count, uint64_t offset) {
  uint64_t sum = 0, next = offset;
  store.runs(count, offset, [&](uint64_t at, uint64_t length, bool is_allocated) {
    REQUIRE(at == next);
    REQUIRE(length > 0);
    next += length;
    sum += is_allocated ? length : 0;
    return true;
  });
  REQUIRE(next == offset + count);
  return sum;
}

// Resident memory of this process, in bytes.
uint64_t resident() {
  std::ifstream in("/proc/self/statm");
  uint64_t total = 0, pages = 0;
  in >> total >> pages;
  return pages * 4096;
}

// Sanitizers keep what is freed and shadow what is used.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kCountsMemory = false;
#else
constexpr bool kCountsMemory = true;
#endif

}  // namespace

// Goal: a store is a disk. Method: random requests of all sizes and alignments
// in a few windows of a large disk, the same on a plain array; compare what is
// read, and what counts as a hole.
TEST_CASE("a store reads back what a plain array does") {
  constexpr size_t kWindow = 24 * kPageSize;
  const uint64_t bases[] = {0, (uint64_t{128} << 20) - 5 * kPageSize - 77,
                            (uint64_t{512} << 30) - 3 * kPageSize, kDiskSize - kWindow};
  const auto kind = GENERATE(from_range(kinds()));
  const unsigned start = seed();
  INFO("SEED=" << start << " " << kind);
  std::mt19937 random(start);
  const auto store = make(kind);
  std::map<uint64_t, Bytes> model;
  for (const uint64_t base : bases) model[base] = Bytes(kWindow);

  for (int i = 0; i < 6000; ++i) {
    const uint64_t base = bases[random() % 4];
    Bytes& bytes = model[base];
    size_t at = random() % kWindow;
    size_t count = 1 + random() % (random() % 8 == 0 ? 6 * kPageSize : kPageSize / 2);
    if (random() % 4 == 0) {  // whole pages of the disk
      at = (kPageSize - base % kPageSize) % kPageSize + kPageSize * (random() % 16);
      count = kPageSize * (1 + random() % 3);
    }
    count = std::min(count, kWindow - at);
    const std::span<std::byte> part = std::span(bytes).subspan(at, count);
    switch (random() % 8) {
      case 0:
      case 1:
      case 2:
        if (random() % 8 == 0) {
          std::fill(part.begin(), part.end(), std::byte{0});
        } else {
          fill_with_text(part, random);
        }
        REQUIRE(store->write(part, base + at).ok());
        break;
      case 3:
      case 4:
        std::fill(part.begin(), part.end(), std::byte{0});
        REQUIRE(store->zero(count, base + at).ok());
        break;
      case 5: {  // what is no hole is told, and compressed zeroes are one
        const bool nothing = is_zero(part);
        const uint64_t told = allocated(*store, count, base + at);
        REQUIRE((nothing || told > 0));
        const bool whole = (base + at) % kPageSize == 0 && count % kPageSize == 0;
        if (kind == "zstd" && whole && nothing) REQUIRE(told == 0);
        break;
      }
      default: REQUIRE(std::ranges::equal(read(*store, count, base + at), part));
    }
  }
  for (const auto& [base, bytes] : model) REQUIRE(read(*store, kWindow, base) == bytes);
  REQUIRE(store->zero(kDiskSize, 0).ok());
  CHECK(allocated(*store, kDiskSize, 0) == 0);
  for (const uint64_t base : bases) CHECK(is_zero(read(*store, kWindow, base)));
}

// Goal: requests at the same time do not lose or mix up data, also while nodes
// of the table come and go. Method: every thread owns every Nth sector of some
// pages (so all write to the same pages), and every Nth page elsewhere (which
// are zeroed whole, so nodes become empty); each compares with a model of its
// own. One more thread reads everything and asks for extents.
TEST_CASE("requests at the same time do not disturb each other") {
  constexpr size_t kThreads = 4, kSector = 512, kSectors = 6 * kPageSize / kSector, kPages = 24;
  constexpr uint64_t kNodeSpan = uint64_t{128} << 20;
  const auto kind = GENERATE(from_range(kinds()));
  const unsigned start = seed();
  INFO("SEED=" << start << " " << kind);
  const auto store = make(kind);
  std::atomic<int> wrong{0};
  std::atomic<bool> done{false};

  const auto work = [&](size_t mine) {
    std::mt19937 random(start + static_cast<unsigned>(mine));
    std::vector<Bytes> sectors(kSectors, Bytes(kSector)), pages(kPages, Bytes(kPageSize));
    // A few pages in each of several nodes.
    const auto page_at = [](size_t i) { return (i % 8 + 1) * kNodeSpan + i * kPageSize; };
    const auto step = [&](Bytes& model, uint64_t at) {
      switch (random() % 4) {
        case 0:
          fill_with_text(model, random);
          if (!store->write(model, at).ok()) ++wrong;
          break;
        case 1:
          std::fill(model.begin(), model.end(), std::byte{0});
          if (!store->zero(model.size(), at).ok()) ++wrong;
          break;
        default: {
          Bytes got(model.size());
          if (!store->read(got, at).ok() || got != model) ++wrong;
        }
      }
    };
    for (int i = 0; i < 1500; ++i) {
      const size_t sector = mine + kThreads * (random() % (kSectors / kThreads));
      step(sectors[sector], sector * kSector);
      const size_t page = mine + kThreads * (random() % (kPages / kThreads));
      step(pages[page], page_at(page));
    }
  };
  std::jthread onlooker([&] {
    Bytes all(4 * kPageSize);
    for (uint64_t i = 0; !done; ++i) {
      if (!store->read(all, i % 4 * kPageSize).ok()) ++wrong;
      uint64_t next = 0;
      store->runs(10 * kNodeSpan, 0, [&](uint64_t at, uint64_t length, bool) {
        if (at != next) ++wrong;
        next = at + length;
        return true;
      });
      if (next != 10 * kNodeSpan) ++wrong;
    }
  });
  {
    std::vector<std::jthread> threads;
    for (size_t t = 0; t < kThreads; ++t) threads.emplace_back(work, t);
  }
  done = true;
  CHECK(wrong == 0);
}

TEST_CASE("what is zeroed goes back to the system") {
  if (!kCountsMemory) return;
  constexpr uint64_t kWritten = 128 << 20;
  const auto kind = GENERATE(from_range(kinds()));
  const uint64_t piece = GENERATE(uint64_t{4096}, uint64_t{32} << 20, kDiskSize);
  INFO(kind << ", zeroed in pieces of " << piece);
  const auto store = make(kind);
  Bytes page(kPageSize);
  std::mt19937 random(1);
  for (std::byte& b : page) b = static_cast<std::byte>(random());  // cannot be compressed
  const uint64_t before = resident();
  // Half of it in one piece, half spread so that every page needs a node.
  std::vector<uint64_t> starts{0};
  for (uint64_t at = 0; at < kWritten / 2; at += kPageSize) {
    REQUIRE(store->write(page, at).ok());
  }
  for (uint64_t i = 0; i < kWritten / 2 / (2 * kPageSize); ++i) {
    starts.push_back((i + 8) << 27);
    REQUIRE(store->write(page, starts.back()).ok());
  }
  REQUIRE(resident() - before > kWritten / 2);
  if (piece == kDiskSize) {
    REQUIRE(store->zero(kDiskSize, 0).ok());
  } else {
    for (const uint64_t start : starts) {
      const uint64_t end = start == 0 ? kWritten / 2 : start + kPageSize;
      for (uint64_t at = start; at < end; at += piece) {
        REQUIRE(store->zero(std::min(piece, end - at), at).ok());
      }
    }
  }
  const uint64_t after = resident();
  CHECK(after - std::min(before, after) < kWritten / 8);
}

namespace {

// Copies of the pieces, and where they are.
struct Pieces {
  Bytes bytes;
  std::vector<const std::byte*> addresses;
};

std::optional<Pieces> pages(Store& store, uint64_t count, uint64_t offset) {
  Pieces out;
  const bool done = store.pages(count, offset, [&](std::span<const std::byte> piece) {
    out.bytes.insert(out.bytes.end(), piece.begin(), piece.end());
    out.addresses.push_back(piece.data());
    return true;
  });
  if (!done) return std::nullopt;
  return out;
}

}  // namespace

TEST_CASE("bytes that are looked at where they are, are those that are read") {
  const auto kind = GENERATE(from_range(std::vector<std::string>{"sparse", "flat"}));
  const auto store = kind == "flat" ? memory::make_flat_store(1 << 20, false) : make(kind);
  Bytes text(100'000);
  std::mt19937 random(1);
  fill_with_text(text, random);
  REQUIRE(store->write(text, 50'000).ok());
  for (const uint64_t offset : {0, 1, 50'000, 65'536, 131'000}) {
    for (const uint64_t count : {1, 32'768, 100'000}) {
      const auto got = pages(*store, count, offset);
      REQUIRE(got);
      CHECK(got->bytes == read(*store, count, offset));
    }
  }
}

TEST_CASE("who looks may stop, and compressed pages cannot be looked at") {
  for (const std::string& kind : kinds()) {
    const auto store = make(kind);
    REQUIRE(store->write(Bytes(1000, std::byte{1}), 0).ok());
    CHECK_FALSE(store->pages(4 * kPageSize, 0, [](auto) { return false; }));
    CHECK(pages(*store, 4 * kPageSize, 0).has_value() == (kind == "sparse"));
  }
}

// Goal: what is on its way to a client is never another part of the disk. Method:
// a page in a pipe; trimmed, and its address used for another part.
TEST_CASE("a page that is on its way stays what it was, whatever becomes of its address") {
  const auto store = make("sparse");
  const Bytes first(kPageSize, std::byte{1}), second(kPageSize, std::byte{2});
  REQUIRE(store->write(first, 0).ok());
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  const std::byte* address = nullptr;
  REQUIRE(store->pages(kPageSize, 0, [&](std::span<const std::byte> piece) {
    address = piece.data();
    const iovec part{const_cast<std::byte*>(piece.data()), piece.size()};
    return ::vmsplice(pipe[1], &part, 1, 0) == static_cast<ssize_t>(piece.size());
  }));
  REQUIRE(store->zero(kPageSize, 0).ok());
  REQUIRE(store->write(second, 10 * kPageSize).ok());
  REQUIRE(pages(*store, kPageSize, 10 * kPageSize)->addresses.front() == address);
  Bytes got(kPageSize);
  CHECK(::read(pipe[0], got.data(), got.size()) == static_cast<ssize_t>(kPageSize));
  CHECK(got == first);
  ::close(pipe[0]);
  ::close(pipe[1]);
}

#ifdef NBD_HAVE_ZSTD
TEST_CASE("compressed pages take less memory, also when written in small pieces") {
  if (!kCountsMemory) return;
  constexpr uint64_t kWritten = 128 << 20;
  const size_t piece = GENERATE(size_t{4096}, kPageSize, size_t{1} << 20);
  const auto store = make("zstd");
  Bytes bytes(piece);
  std::mt19937 random(1);
  fill_with_text(bytes, random);  // two bits of eight
  const uint64_t before = resident();
  for (uint64_t at = 0; at < kWritten; at += piece) REQUIRE(store->write(bytes, at).ok());
  CHECK(resident() - before < kWritten / 2);
  CHECK(read(*store, piece, 3 * piece) == bytes);
  CHECK(allocated(*store, kDiskSize, 0) == kWritten);
}
#endif
