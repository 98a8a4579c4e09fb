// SPDX-License-Identifier: BSD-3-Clause
//
// Goal: the model of a disk finds what was lost, and never tells of a loss that is none.
// Method: cases by hand; then clients at random over a disk of their own, which does what
// disks do, and now and then what they must not.
#include <catch2/catch.hpp>
#include <random>

#include "proxy/written.hpp"

using testkit::proxy::Buffer;
using testkit::proxy::WrittenDisk;
namespace wire = nbd::wire;
using wire::Command;

namespace {

wire::Request request(Command command, uint64_t cookie, uint64_t offset, uint64_t length,
                      uint16_t flags = 0) {
  return {.flags = flags, .command = command, .cookie = cookie, .offset = offset, .length = length};
}

Buffer filled(size_t count, unsigned value) { return Buffer(count, std::byte(value)); }

// One connection, and a disk of 8 KiB that was all 0xaa.
struct Clients {
  WrittenDisk model;
  Buffer before = filled(8192, 0xaa);
  Buffer disk = before;

  void begin(uint64_t cookie, uint64_t offset, const Buffer& data, uint16_t flags = 0) {
    model.begin(1, request(Command::write, cookie, offset, data.size(), flags), data);
  }
  void put(uint64_t offset, const Buffer& data) {
    std::copy(data.begin(), data.end(), disk.begin() + static_cast<ptrdiff_t>(offset));
  }
  void write(uint64_t offset, const Buffer& data, uint16_t flags = 0) {
    begin(1, offset, data, flags);
    put(offset, data);
    model.answered(1, 1, true);
  }
  void flush() {
    model.begin(1, request(Command::flush, 9, 0, 0), {});
    model.answered(1, 9, true);
  }
  std::string fault(bool flushed_only = false) const {
    return model.compare(0, disk, before, flushed_only);
  }
};

}  // namespace

TEST_CASE("what was acknowledged and is gone is found, at its byte") {
  Clients c;
  c.write(100, filled(5000, 1));
  CHECK(c.fault().empty());
  CHECK(c.model.known() == 5000);
  c.disk[4200] = std::byte{0xaa};
  CHECK(c.fault() == "byte 4200 is 0xaa, and should be 0x01: this was acknowledged");
}

TEST_CASE("what nobody has written and has changed is found") {
  Clients c;
  c.write(0, filled(512, 1));
  c.disk[512] = std::byte{1};
  CHECK(c.fault() == "byte 512 is 0x01, and should be 0xaa: nobody has written there");
}

TEST_CASE("a write that failed, or was never answered, may be there or not, for ever") {
  Clients c;
  const bool answered = GENERATE(true, false);
  c.begin(5, 0, filled(512, 1));
  if (answered) c.model.answered(1, 5, false);
  CHECK(c.fault().empty());
  c.put(0, filled(512, 1));
  CHECK(c.fault().empty());
  c.disk[0] = std::byte{7};
  // What is neither old nor new is excused only if the server said that it failed.
  CHECK(c.fault().empty() == answered);
}

TEST_CASE("what is written over an open write is known only if it is the same") {
  Clients c;
  c.begin(5, 0, filled(512, 1));  // its connection is lost
  c.write(0, filled(512, 2));
  c.put(0, filled(512, 1));  // late
  CHECK(c.fault().empty());
  Clients again;
  again.begin(5, 0, filled(512, 1));
  again.write(0, filled(512, 1));
  CHECK(again.model.known() == 512);
}

TEST_CASE("writes that cross each other leave either") {
  Clients c;
  c.begin(1, 0, filled(512, 1));
  c.begin(2, 256, filled(512, 2));
  c.model.answered(1, 1, true);
  c.model.answered(1, 2, true);
  c.put(0, filled(512, 1));
  c.put(256, filled(256, 1));
  c.put(512, filled(256, 2));
  CHECK(c.fault().empty());
}

TEST_CASE("a zeroed range is zeroes, a trimmed one anything") {
  Clients c;
  c.model.begin(1, request(Command::write_zeroes, 3, 0, 4096), {});
  c.model.answered(1, 3, true);
  CHECK(c.fault() == "byte 0 is 0xaa, and should be 0x00: this was acknowledged");
  c.model.begin(1, request(Command::trim, 4, 0, 4096), {});
  c.model.answered(1, 4, true);
  CHECK(c.fault().empty());
}

TEST_CASE("a crash may lose what was not flushed, and nothing else") {
  Clients c;
  c.write(0, filled(512, 1));
  c.flush();
  c.write(512, filled(512, 2), wire::command_flag::kFua);
  c.model.begin(1, request(Command::flush, 9, 0, 0), {});  // begins before the next write
  c.write(1024, filled(512, 3));
  c.model.answered(1, 9, true);
  c.model.crash();
  std::fill_n(c.disk.begin() + 1024, 512, std::byte{0xaa});
  CHECK(c.fault(true).empty());
  CHECK(c.fault(false) == "byte 1024 is 0xaa, and should be 0x03: this was acknowledged");
  c.disk[600] = std::byte{0xaa};
  CHECK(c.fault(true) == "byte 600 is 0xaa, and should be 0x02: this was acknowledged");
}

TEST_CASE("at random: a disk that does what disks may do is never accused") {
  const auto seed = GENERATE(take(20, random(0u, ~0u)));
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto draw = [&](unsigned below) { return static_cast<unsigned>(random() % below); };
  Clients c;
  struct Open {
    uint64_t cookie, offset;
    Buffer data;
  };
  std::vector<Open> open;
  for (uint64_t cookie = 1; cookie < 300; ++cookie) {
    if (open.size() < 4) {
      const uint64_t offset = draw(8192 - 700);
      open.push_back({cookie, offset, filled(1 + draw(700), 1 + draw(3))});
      c.begin(cookie, offset, open.back().data);
    }
    if (draw(2) == 0) continue;
    // Any of those that are open is done, or done and told to have failed, or lost.
    const auto one = open.begin() + draw(static_cast<unsigned>(open.size()));
    const unsigned how = draw(10);
    if (how != 0) c.put(one->offset, one->data);
    if (how != 1) c.model.answered(1, one->cookie, how > 1);
    open.erase(one);
  }
  CHECK(c.fault().empty());
  CHECK(c.model.known() > 0);
}
