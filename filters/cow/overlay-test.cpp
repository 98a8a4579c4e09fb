// SPDX-License-Identifier: BSD-3-Clause
//
// The overlay under many threads, and with a file that is full.
#include "overlay.hpp"

#include <catch2/catch.hpp>

#include <signal.h>
#include <sys/resource.h>

#include <cstdlib>
#include <random>
#include <thread>
#include <vector>

#include <nbdkit/sdk.hpp>

#include "base/zero.hpp"
#include "history.hpp"

// What the server gives to modules; messages are of no interest here.
extern "C" {
void nbdkit_error(const char*, ...) {}
void nbdkit_debug(const char*, ...) {}
char* nbdkit_absolute_path(const char* path) { return ::strdup(path); }
}

namespace {

using cow::Overlay;
using history::History;
using nbd::Flags;
using nbd::Status;

unsigned seed() {
  const char* given = std::getenv("SEED");
  return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 0))
                          : std::random_device()();
}

// The disk below: it is as the history starts, takes whole sectors, at most 16 KiB at
// once, and must not be written to.
class Below final : public nbd::Disk {
 public:
  explicit Below(uint64_t size) {
    properties_.size = size;
    properties_.block_size = {.minimum = 512, .preferred = 4096, .maximum = 16384};
    properties_.can_extents = true;
  }
  Status pread(std::span<std::byte> buf, uint64_t offset, Flags) override {
    const bool to_the_end = offset + buf.size() == size();
    if (offset % 512 != 0 || (buf.size() % 512 != 0 && !to_the_end) || buf.size() > 16384) {
      return Status(EINVAL);
    }
    history::fill(buf, offset, history::kStart);
    return nbd::kOk;
  }
  Status pwrite(std::span<const std::byte>, uint64_t, Flags) override { return touched(); }
  Status flush(Flags) override { return touched(); }
  Status trim(uint64_t, uint64_t, Flags) override { return touched(); }
  Status zero(uint64_t, uint64_t, Flags) override { return touched(); }
  Status cache(uint64_t, uint64_t, Flags) override { return nbd::kOk; }
  Status extents(uint64_t count, uint64_t offset, Flags, nbd::Extents& out) override {
    return out.add(offset, count, 0) ? nbd::kOk : Status(EIO);
  }
  std::string description() override { return ""; }

  std::atomic<bool> was_touched{false};

 private:
  Status touched() {
    was_touched = true;
    return Status(EROFS);
  }
};

// One thread's requests; the first thing that is wrong.
class Worker {
 public:
  Worker(Overlay& overlay, Below& below, History& history, unsigned seed)
      : overlay_(overlay), below_(below), history_(history), random_(seed) {}

  std::string run(int requests) {
    for (int i = 0; i < requests && wrong_.empty(); ++i) one();
    return wrong_;
  }

 private:
  uint64_t below_number(uint64_t n) { return random_() % n; }

  void one() {
    const uint64_t cells = (history_.size() + history::kCell - 1) / history::kCell;
    const uint64_t longest = below_number(10) == 0 ? cells : 40;
    const uint64_t from = below_number(cells) * history::kCell;
    const uint64_t to =
        std::min(history_.size(), from + (1 + below_number(longest)) * history::kCell);
    switch (below_number(12)) {
      case 0:
      case 1:
      case 2:
      case 3: return write(to - from, from);
      case 4:
      case 5: return zero(to - from, from);
      case 6: return trim(to - from, from);
      case 7: return check(overlay_.fetch(below_, to - from, from), "fetch");
      case 8: return extents(to - from, from);
      default: return read(to - from, from);
    }
  }
  void check(Status s, const std::string& what) {
    if (!s.ok()) wrong_ = what + ": errno " + std::to_string(s.errnum());
  }
  void read(uint64_t count, uint64_t offset) {
    std::vector<std::byte> buf(count);
    const uint64_t began = history_.now();
    if (below_number(2) == 0 || !overlay_.try_read(below_, buf, offset)) {
      check(overlay_.read(below_, buf, offset), "read");
    }
    if (wrong_.empty()) wrong_ = history_.judge(buf, offset, began);
  }
  void write(uint64_t count, uint64_t offset) {
    const history::Value value = history_.new_value();
    std::vector<std::byte> buf(count);
    history::fill(buf, offset, value);
    history_.begin(count, offset, value);
    check(overlay_.write(below_, buf, offset), "write");
    history_.end(count, offset, value);
  }
  void zero(uint64_t count, uint64_t offset) {
    const Flags flags = below_number(2) == 0 ? Flags::may_trim : Flags::none;
    const history::Value value = history_.new_value() | history::kZeroes;
    history_.begin(count, offset, value);
    check(overlay_.zero(below_, count, offset, flags), "zero");
    history_.end(count, offset, value);
  }
  // Of parts of blocks nothing is known but that they stay as they are.
  void trim(uint64_t count, uint64_t offset) {
    const uint64_t block = overlay_.block();
    const uint64_t begin = (offset + block - 1) / block * block;
    uint64_t end = (offset + count) / block * block;
    if (offset + count == history_.size()) end = history_.size();
    const history::Value value = history_.new_value() | history::kZeroes;
    if (begin < end) history_.begin(end - begin, begin, value);
    check(overlay_.trim(count, offset), "trim");
    if (begin < end) history_.end(end - begin, begin, value);
  }
  // What is said to be zeroes might be read as such.
  void extents(uint64_t count, uint64_t offset) {
    nbd::Extents out(offset, history_.size());
    const uint64_t began = history_.now();
    check(overlay_.extents(below_, count, offset, Flags::none, out), "extents");
    uint64_t at = offset;
    for (const nbd::Extent& e : out.list()) {
      if ((e.type & nbd::kExtentZero) != 0 && wrong_.empty()) {
        wrong_ = history_.judge(std::vector<std::byte>(e.length), at, began);
        if (!wrong_.empty()) wrong_ = "extents: " + wrong_;
      }
      at += e.length;
    }
    if (wrong_.empty() && at < offset + count) wrong_ = "extents: not all of them";
  }

  Overlay& overlay_;
  Below& below_;
  History& history_;
  std::mt19937_64 random_;
  std::string wrong_;
};

#ifdef __SANITIZE_THREAD__
constexpr int kRarer = 3;  // it takes its time
#else
constexpr int kRarer = 1;
#endif

void run_workers(uint64_t size, uint64_t block, unsigned threads, int requests) {
  const unsigned s = seed();
  WARN("seed " << s);
  CAPTURE(s, size, block);
  Overlay overlay(size, block);
  Below below(size);
  History history(size);
  std::vector<std::string> wrong(threads);
  {
    std::vector<std::jthread> running;
    for (unsigned i = 0; i < threads; ++i) {
      running.emplace_back([&, i] {
        wrong[i] = Worker(overlay, below, history, s * 1000 + i).run(requests / kRarer);
      });
    }
  }
  for (const std::string& w : wrong) CHECK(w == "");
  std::vector<std::byte> all(size);
  const uint64_t began = history.now();
  REQUIRE(overlay.read(below, all, 0).ok());
  CHECK(history.judge(all, 0, began) == "");
  CHECK_FALSE(below.was_touched);
}

}  // namespace

// Method: threads write, zero, trim, fetch and read at random; each read, and each
// extent that says "zero", is held against what it may be (history.hpp), and so is
// every byte at the end, when there is one answer or few. SEED=N repeats a run, as
// far as threads let it.
TEST_CASE("threads that write to the same blocks lose nothing of each other's") {
  run_workers(40 * 4096 + 1536 + 77, 4096, 8, 1500);
}
TEST_CASE("the same over many blocks and leaves, with large blocks, and within one") {
  run_workers(1100 * 4096 + 1, 4096, 4, 150);
  run_workers(9 * 65536 + 512, 65536, 6, 400);
  run_workers(1000, 65536, 4, 500);
}

TEST_CASE("what is zeroed or trimmed takes no room, and NO_HOLE does") {
  constexpr uint64_t kBlock = 65536, kSize = 64 * kBlock;
  Overlay overlay(kSize, kBlock);
  Below below(kSize);
  const auto type_at = [&](uint64_t offset) {
    nbd::Extents out(offset, kSize);
    REQUIRE(overlay.extents(below, kBlock, offset, Flags::req_one, out).ok());
    return out.list()[0].type;
  };
  CHECK(type_at(0) == 0);
  const Flags fast = Flags::fast_zero;
  REQUIRE(overlay.zero(below, 2 * kBlock, 0, fast | Flags::may_trim).ok());
  CHECK(type_at(0) == (nbd::kExtentHole | nbd::kExtentZero));
  REQUIRE(overlay.zero(below, kBlock, kBlock, fast).ok());
  CHECK(type_at(kBlock) == nbd::kExtentZero);
  CHECK(type_at(0) == (nbd::kExtentHole | nbd::kExtentZero));
  // A part of a block would have to be read and written.
  CHECK(overlay.zero(below, kBlock, 1, fast | Flags::may_trim) == Status(EOPNOTSUPP));
  CHECK(overlay.zero(below, kBlock - 1, 0, fast) == Status(EOPNOTSUPP));
}

// RLIMIT_FSIZE makes any write behind it fail, as a full disk does.
TEST_CASE("where there is no room, the write fails and nothing else changes") {
  struct sigaction ignore{}, before{};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGXFSZ, &ignore, &before);
  rlimit saved{};
  ::getrlimit(RLIMIT_FSIZE, &saved);
  constexpr uint64_t kBlock = 4096, kSize = 64 * kBlock;
  Overlay overlay(kSize, kBlock);
  Below below(kSize);
  History history(kSize);
  const auto read_all = [&] {
    std::vector<std::byte> all(kSize);
    REQUIRE(overlay.read(below, all, 0).ok());
    return all;
  };
  const std::vector<std::byte> data(8 * kBlock, std::byte{7});
  REQUIRE(overlay.write(below, data, 0).ok());
  const rlimit small{10 * kBlock + 100, saved.rlim_max};
  REQUIRE(::setrlimit(RLIMIT_FSIZE, &small) == 0);
  const auto before_failure = read_all();
  // Partly behind the limit, wholly, and a part of a block.
  const Status partly = overlay.write(below, data, 8 * kBlock);
  const Status wholly = overlay.write(below, data, 30 * kBlock);
  const Status part = overlay.write(below, std::span(data).first(512), 20 * kBlock + 512);
  const Status zeroes = overlay.zero(below, 20 * kBlock, 0, Flags::none);
  const auto after_failure = read_all();
  // Holes take none.
  const Status holes = overlay.zero(below, kSize, 0, Flags::may_trim);
  ::setrlimit(RLIMIT_FSIZE, &saved);
  ::sigaction(SIGXFSZ, &before, nullptr);
  CHECK(partly == Status(ENOSPC));
  CHECK(wholly == Status(ENOSPC));
  CHECK(part == Status(ENOSPC));
  CHECK(zeroes == Status(ENOSPC));
  CHECK(before_failure == after_failure);
  CHECK(holes.ok());
  CHECK(nbd::is_zero(read_all()));
  REQUIRE(overlay.write(below, data, 8 * kBlock).ok());
}
