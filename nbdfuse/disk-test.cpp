// SPDX-License-Identifier: BSD-3-Clause
//
// The disk against a server of plain memory, which checks that every command
// keeps to its block sizes, and which can hold commands back to complete them in
// any order.
#include "disk.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <functional>
#include <optional>
#include <random>

#include "limits.hpp"

using nbdfuse::Command;
using nbdfuse::Disk;
using nbdfuse::Found;
using nbdfuse::Request;
using nbdfuse::Status;

namespace {

using Bytes = std::vector<std::byte>;

class MemoryRemote final : public nbdfuse::Remote {
 public:
  explicit MemoryRemote(uint64_t size, uint64_t minimum = 1, uint64_t maximum = 1 << 20)
      : bytes(size, std::byte{0x55}) {
    facts.size = size;
    facts.minimum_block = minimum;
    facts.maximum_block = maximum;
    facts.can_flush = facts.can_zero = facts.can_block_status = true;
    trim = [](std::byte*, uint64_t) {};
  }

  const nbdfuse::Export& exported() const override { return facts; }

  void submit(Request& request) noexcept override {
    commands.push_back(request.command);
    const bool whole = request.offset % facts.minimum_block == 0 &&
                       (request.length % facts.minimum_block == 0 ||
                        request.offset + request.length == facts.size);
    const bool carries = request.command == Command::read || request.command == Command::write;
    const uint64_t limit = carries ? facts.maximum_block : nbdfuse::kMaxSpan;
    sound =
        sound && whole && request.length <= limit && request.offset + request.length <= facts.size;
    if (hold) {
      held.push_back(&request);
    } else {
      serve(request);
    }
  }

  void release_one(size_t which) {
    Request& request = *held.at(which);
    held.erase(held.begin() + static_cast<std::ptrdiff_t>(which));
    serve(request);
  }

  size_t count(Command command) const {
    return static_cast<size_t>(std::count(commands.begin(), commands.end(), command));
  }

  nbdfuse::Export facts;
  Bytes bytes;
  std::vector<Command> commands;
  std::vector<Request*> held;
  bool hold = false;
  bool sound = true;
  std::function<void(std::byte*, uint64_t)> trim;  // what it does to the bytes
  int fail_all = 0;
  int fail_zero = 0;
  uint64_t extent_length = 4096;  // one extent for each so many bytes

 private:
  void serve(Request& request) noexcept {
    request.status =
        Status(request.command == Command::zero && fail_zero != 0 ? fail_zero : fail_all);
    if (request.status.ok() && sound) perform(request);
    request.completion->completed(request);
  }

  void perform(Request& r) {
    std::byte* const here = bytes.data() + r.offset;
    switch (r.command) {
      case Command::read: std::memcpy(r.data, here, r.length); break;
      case Command::write: std::memcpy(here, r.data, r.length); break;
      case Command::zero: std::memset(here, 0, r.length); break;
      case Command::trim: trim(here, r.length); break;
      case Command::flush: break;
      case Command::block_status:
        for (uint64_t at = r.offset, length; at < r.offset + r.length; at += length) {
          length = std::min(extent_length - at % extent_length, facts.size - at);
          const auto* const first = bytes.data() + at;
          const bool zero =
              std::all_of(first, first + length, [](std::byte b) { return b == std::byte{}; });
          r.extents.push_back({at, length, zero});
        }
    }
  }
};

template <class T>
nbdfuse::Detached keep(nbdfuse::Task<T> task, std::optional<T>& result) {
  result = co_await task;
}
// REQUIRES: the remote holds nothing back.
template <class T>
T run(nbdfuse::Task<T> task) {
  std::optional<T> result;
  keep(std::move(task), result);
  return *result;
}

Bytes random_bytes(size_t size, std::mt19937& random) {
  Bytes bytes(size);
  for (auto& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

}  // namespace

TEST_CASE("a read within the block sizes is one command, a larger one is split") {
  MemoryRemote remote(1 << 20, 1, 65536);
  Disk disk(remote);
  Bytes into(65536);
  CHECK(run(disk.read(into, 10)).ok());
  CHECK(remote.count(Command::read) == 1);
  into.resize(65537);
  CHECK(run(disk.read(into, 10)).ok());
  CHECK(remote.count(Command::read) == 3);
  CHECK(remote.sound);
}

// Random reads, writes and zeroings of any offset and length, with servers of
// many block sizes, against a plain array. The seed is printed on a failure.
TEST_CASE("any access to any server is what it would be to memory") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const uint64_t min = GENERATE(as<uint64_t>{}, 1, 512, 4096);
  const uint64_t max_blocks = GENERATE(as<uint64_t>{}, 1, 3, 256);
  const uint64_t size = GENERATE(as<uint64_t>{}, 65536, 65536 + 700);
  const bool can_zero = GENERATE(true, false);
  MemoryRemote remote(size, min, min * max_blocks);
  remote.facts.can_zero = can_zero;
  Disk disk(remote);
  Bytes model = remote.bytes;
  for (int i = 0; i < 200; ++i) {
    const uint64_t offset = random() % size;
    const uint64_t length = random() % std::min<uint64_t>(size - offset, i % 2 ? 600 : 20000) + 1;
    const auto here = model.begin() + static_cast<std::ptrdiff_t>(offset);
    if (i % 3 == 0) {
      Bytes into(length);
      REQUIRE(run(disk.read(into, offset)).ok());
      REQUIRE(std::equal(into.begin(), into.end(), here));
    } else if (i % 3 == 1) {
      const Bytes from = random_bytes(length, random);
      REQUIRE(run(disk.write(from, offset)).ok());
      std::copy(from.begin(), from.end(), here);
    } else {
      REQUIRE(run(disk.zero(offset, length, i % 2 == 0)).ok());
      std::fill_n(here, length, std::byte{});
    }
    REQUIRE(remote.sound);
  }
  CHECK(remote.bytes == model);
}

TEST_CASE("a write that begins and ends within blocks reads these two alone, and together") {
  MemoryRemote remote(65536, 4096);
  remote.hold = true;
  Disk disk(remote);
  std::mt19937 random(1);
  const Bytes from = random_bytes(20000, random);
  std::optional<Status> result;
  keep(disk.write(from, 1000), result);
  REQUIRE(remote.held.size() == 2);
  CHECK(remote.held[0]->offset == 0);
  CHECK(remote.held[1]->offset == 20480);
  for (int i = 0; i < 2; ++i) remote.release_one(0);
  // The whole blocks between them come from where they are.
  REQUIRE(remote.held.size() == 3);
  CHECK(remote.held[0]->offset == 4096);
  CHECK(remote.held[0]->length == 16384);
  CHECK(remote.held[0]->data == from.data() + 3096);
  while (!remote.held.empty()) remote.release_one(0);
  CHECK(result == nbd::kOk);
  CHECK(remote.count(Command::write) == 3);
  CHECK(std::equal(from.begin(), from.end(), remote.bytes.begin() + 1000));
  CHECK(remote.bytes[999] == std::byte{0x55});
  CHECK(remote.bytes[21000] == std::byte{0x55});
}

TEST_CASE("two writes to parts of one block do not undo each other") {
  MemoryRemote remote(8192, 4096);
  remote.hold = true;
  Disk disk(remote);
  const Bytes first(512, std::byte{1}), second(512, std::byte{2});
  std::optional<Status> one, two;
  keep(disk.write(first, 0), one);
  keep(disk.write(second, 512), two);
  while (!remote.held.empty()) remote.release_one(remote.held.size() - 1);  // the latest first
  REQUIRE(one == nbd::kOk);
  REQUIRE(two == nbd::kOk);
  CHECK(std::equal(first.begin(), first.end(), remote.bytes.begin()));
  CHECK(std::equal(second.begin(), second.end(), remote.bytes.begin() + 512));
  CHECK(remote.bytes[1024] == std::byte{0x55});
}

TEST_CASE("writes to different blocks do not wait for each other") {
  MemoryRemote remote(8192, 4096);
  remote.hold = true;
  Disk disk(remote);
  const Bytes part(512);
  std::optional<Status> one, two;
  keep(disk.write(part, 0), one);
  keep(disk.write(part, 4096), two);
  CHECK(remote.held.size() == 2);
  while (!remote.held.empty()) remote.release_one(0);
  CHECK((one && two));
}

TEST_CASE("the pieces of one request are in flight together and their first error is its own") {
  MemoryRemote remote(1 << 20, 1, 4096);
  remote.hold = true;
  Disk disk(remote);
  Bytes into(16384);
  std::optional<Status> result;
  keep(disk.read(into, 0), result);
  REQUIRE(remote.held.size() == 4);
  remote.release_one(3);
  remote.fail_all = ENOMEM;
  remote.release_one(1);
  remote.fail_all = 0;
  remote.release_one(0);
  CHECK_FALSE(result);
  remote.release_one(0);
  CHECK(result == Status(ENOMEM));
}

TEST_CASE("a server that says it can zero and then cannot is written to instead, for good") {
  MemoryRemote remote(3 << 20);
  remote.fail_zero = ENOTSUP;
  Disk disk(remote);
  CHECK(run(disk.zero(5, (2 << 20) + 5, false)).ok());
  CHECK(remote.bytes[4] == std::byte{0x55});
  CHECK(std::all_of(remote.bytes.begin() + 5, remote.bytes.begin() + (2 << 20) + 10,
                    [](std::byte b) { return b == std::byte{}; }));
  CHECK(remote.bytes[(2 << 20) + 10] == std::byte{0x55});
  CHECK(run(disk.zero(0, 1, false)).ok());
  CHECK(remote.count(Command::zero) == 1);
}

// What a trim leaves as it was is zeroed by hand, whether the server tells which
// part that is or not; allocated zeroes are never trimmed.
TEST_CASE("a server that can only trim has zeroes after punching all the same") {
  MemoryRemote remote(1 << 20, 4096);
  remote.facts.can_zero = false;
  remote.facts.can_trim = true;
  remote.facts.can_block_status = GENERATE(true, false);
  const uint64_t whole = GENERATE(as<uint64_t>{}, 0, 4096, 65536, 1 << 20);
  CAPTURE(remote.facts.can_block_status, whole);
  remote.trim = [&](std::byte* here, uint64_t length) {
    // Whole units alone, as disks do.
    const auto from = static_cast<uint64_t>(here - remote.bytes.data());
    for (uint64_t at = from; whole != 0 && at + whole <= from + length; at += whole) {
      if (at % whole == 0) std::memset(remote.bytes.data() + at, 0, whole);
    }
  };
  Disk disk(remote);
  CHECK(run(disk.zero(5000, 500000, false)).ok());
  CHECK(remote.sound);
  CHECK(remote.count(Command::trim) == 1);
  const auto* const b = remote.bytes.data();
  CHECK(std::all_of(b, b + 5000, [](std::byte x) { return x == std::byte{0x55}; }));
  CHECK(std::all_of(b + 5000, b + 505000, [](std::byte x) { return x == std::byte{}; }));
  CHECK(std::all_of(b + 505000, b + (1 << 20), [](std::byte x) { return x == std::byte{0x55}; }));
  if (whole == 4096 && remote.facts.can_block_status) CHECK(remote.count(Command::write) == 2);
  CHECK(run(disk.zero(600000, 4096, true)).ok());
  CHECK(remote.count(Command::trim) == 1);
}

TEST_CASE("a failure to zero is not taken for a lack of support") {
  MemoryRemote remote(65536);
  remote.fail_zero = EIO;
  Disk disk(remote);
  CHECK(run(disk.zero(0, 4096, false)) == Status(EIO));
  CHECK(remote.count(Command::write) == 0);
}

TEST_CASE("seeking finds the next hole and the next data") {
  MemoryRemote remote(1 << 20);
  Disk disk(remote);
  REQUIRE(run(disk.zero(8192, 16384, false)).ok());
  CHECK(run(disk.seek(0, false)).offset == 0);
  CHECK(run(disk.seek(0, true)).offset == 8192);
  CHECK(run(disk.seek(9000, true)).offset == 9000);
  CHECK(run(disk.seek(9000, false)).offset == 24576);
  CHECK(run(disk.seek(30000, true)).offset == 1 << 20);  // the end is a hole
  CHECK(run(disk.seek(1 << 20, true)).status == Status(ENXIO));
  REQUIRE(run(disk.zero(1 << 19, 1 << 19, false)).ok());
  CHECK(run(disk.seek(1 << 19, false)).status == Status(ENXIO));
}

TEST_CASE("without block status all is data") {
  MemoryRemote remote(65536);
  remote.facts.can_block_status = false;
  Disk disk(remote);
  CHECK(run(disk.seek(100, false)).offset == 100);
  CHECK(run(disk.seek(100, true)).offset == 65536);
  CHECK(remote.commands.empty());
}

TEST_CASE("an extent answer that gets nowhere is an error and not an endless loop") {
  MemoryRemote remote(65536);
  remote.extent_length = 65536;
  remote.bytes.assign(65536, std::byte{});
  struct Mute final : nbdfuse::Remote {
    nbdfuse::Export facts;
    const nbdfuse::Export& exported() const override { return facts; }
    void submit(Request& r) noexcept override { r.completion->completed(r); }
  } mute;
  mute.facts = remote.facts;
  Disk disk(mute);
  CHECK(run(disk.seek(0, false)).status == Status(EIO));
}

TEST_CASE("a disk is dirty from a write until a flush that succeeds") {
  MemoryRemote remote(65536);
  Disk disk(remote);
  CHECK_FALSE(disk.dirty());
  const Bytes from(10);
  CHECK(run(disk.write(from, 0)).ok());
  CHECK(disk.dirty());
  remote.fail_all = EIO;
  CHECK(run(disk.flush()) == Status(EIO));
  CHECK(disk.dirty());
  remote.fail_all = 0;
  CHECK(run(disk.flush()).ok());
  CHECK_FALSE(disk.dirty());
}
