// SPDX-License-Identifier: BSD-3-Clause
//
// Goal: what a client sends arrives whole and in order, however it is cut to pieces and
// by whichever functions it is taken; the data of a request stands where it is quick to
// copy from; and behind large payloads little is read ahead.
// Method: a stream that hands out a known sequence of bytes.
#include "session/input.hpp"

#include <catch2/catch.hpp>
#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include "base/error.hpp"

using nbdkit::Input;
namespace limits = nbdkit::limits;

namespace {

std::byte byte_at(uint64_t at) { return static_cast<std::byte>(at * 7 + (at >> 8)); }

class Sequence final : public nbdkit::Stream {
 public:
  // At a time at most what `most` says.
  explicit Sequence(uint64_t size, std::function<size_t()> most)
      : size_(size), most_(std::move(most)) {}
  using Stream::receive;
  size_t receive(std::span<std::byte> buf) override { return receive(buf, {}); }
  size_t receive(std::span<std::byte> first, std::span<std::byte> second) override {
    const uint64_t count =
        std::min<uint64_t>({most_(), first.size() + second.size(), size_ - sent_});
    for (uint64_t i = 0; i < count; ++i, ++sent_) {
      (i < first.size() ? first[i] : second[i - first.size()]) = byte_at(sent_);
    }
    ++calls;
    return count;
  }
  void send(std::span<iovec>) override {}
  void end_input() noexcept override {}
  void set_deadline(Deadline) noexcept override {}
  void abort() noexcept override {}
  int fd() const noexcept override { return -1; }

  uint64_t sent() const { return sent_; }
  unsigned calls = 0;

 private:
  const uint64_t size_;
  const std::function<size_t()> most_;
  uint64_t sent_ = 0;
};

struct Reader {
  Reader(uint64_t size, std::function<size_t()> most)
      : sequence(size, std::move(most)), channel(sequence), input(channel) {
    input.use_all();
  }
  Sequence sequence;
  nbdkit::Channel channel;
  Input input;
};

size_t all() { return SIZE_MAX; }

}  // namespace

TEST_CASE("bytes arrive in order, however they are cut and taken") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const size_t largest_cut = GENERATE(1, 100, 5000, 300000);
  CAPTURE(largest_cut);
  const uint64_t size = largest_cut == 1 ? 200000 : 5000000;
  Reader r(size, [&] { return random() % largest_cut + 1; });
  uint64_t at = 0;
  const auto check = [&](const std::byte* bytes, size_t count) {
    for (size_t i = 0; i < count; ++i) {
      if (bytes[i] != byte_at(at + i)) FAIL("byte " << at + i << " is another");
    }
    at += count;
  };
  while (at < size) {
    const size_t limit = random() % 4 == 0 ? 60000 : 100;
    const size_t count = std::min<uint64_t>(random() % limit + 1, size - at);
    switch (random() % 3) {
      case 0:
        check(r.input.need(count), count);
        r.input.take(count);
        break;
      case 1: {
        std::vector<std::byte> out(count);
        r.input.read(out);
        check(out.data(), count);
        break;
      }
      default: r.input.skip(count); at += count;
    }
  }
  CHECK(r.input.need(1) == nullptr);
}

TEST_CASE("an end within something is an error") {
  Reader r(100, all);
  CHECK_THROWS_AS(r.input.need(101), nbd::Error);
  Reader q(100, all);
  std::vector<std::byte> out(101);
  CHECK_THROWS_AS(q.input.read(out), nbd::Error);
}

TEST_CASE("the data of a request that comes alone is aligned") {
  Reader r(1 << 20, [] { return size_t{28 + 4096}; });
  for (int i = 0; i < 10; ++i) {
    REQUIRE(r.input.need(28) != nullptr);
    r.input.take(28);
    const std::byte* const data = r.input.need(4096);
    CHECK(reinterpret_cast<uintptr_t>(data) % 4096 == 64);
    r.input.take(4096);
  }
}

TEST_CASE("a large payload is received where it belongs, with little else") {
  Reader r(10 << 20, all);
  std::vector<std::byte> out(256 << 10);
  uint64_t taken = 0;
  for (int i = 0; i < 8; ++i) {
    REQUIRE(r.input.need(28) != nullptr);
    r.input.take(28);
    r.input.read(out);
    taken += 28 + out.size();
    CHECK(out.back() == byte_at(taken - 1));
    CHECK(r.sequence.sent() - taken <= limits::kLittleInput);
  }
  CHECK(r.sequence.calls <= 9);  // with the data of one comes the request that follows
  // As soon as something else comes, all that is there is read again.
  for (int i = 0; i < 1000; ++i) {
    REQUIRE(r.input.need(28) != nullptr);
    r.input.take(28);
  }
  CHECK(r.sequence.calls <= 11);
}
