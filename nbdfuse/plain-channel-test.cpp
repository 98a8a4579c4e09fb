// SPDX-License-Identifier: BSD-3-Clause
//
// The channel against a server that is the test itself, at the other end of a
// socket: it sees the bytes of requests and sends whatever bytes it likes.
#include "plain-channel.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <random>

#include "base/fd.hpp"
#include "limits.hpp"
#include "wire/codec.hpp"
#include "wire/protocol.hpp"

using nbdfuse::Command;
using nbdfuse::PlainChannel;
using nbdfuse::Request;
namespace wire = nbd::wire;

namespace {

using Bytes = std::vector<std::byte>;

template <class T>
void append(Bytes& bytes, T value) {
  bytes.resize(bytes.size() + sizeof value);
  wire::store(bytes.data() + bytes.size() - sizeof value, value);
}
void append(Bytes& bytes, const Bytes& more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

Bytes simple(uint64_t cookie, uint32_t error, const Bytes& data = {}) {
  Bytes bytes;
  append(bytes, wire::kSimpleReplyMagic);
  append(bytes, error);
  append(bytes, cookie);
  append(bytes, data);
  return bytes;
}

Bytes chunk(uint64_t cookie, wire::Chunk type, bool last, const Bytes& content) {
  Bytes bytes;
  append(bytes, wire::kStructuredReplyMagic);
  append(bytes, static_cast<uint16_t>(last ? wire::kReplyFlagDone : 0));
  append(bytes, static_cast<uint16_t>(type));
  append(bytes, cookie);
  append(bytes, static_cast<uint32_t>(content.size()));
  append(bytes, content);
  return bytes;
}
Bytes data_chunk(uint64_t cookie, uint64_t offset, const Bytes& data, bool last) {
  Bytes content;
  append(content, offset);
  append(content, data);
  return chunk(cookie, wire::Chunk::offset_data, last, content);
}

Bytes pattern(size_t size, unsigned seed) {
  Bytes bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(i * 7 + seed + i / 251);
  return bytes;
}

struct Peer {
  explicit Peer(bool structured = true) {
    int fds[2];
    REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    ours.reset(fds[0]);
    server.reset(fds[1]);
    channel.emplace(fds[0], structured,
                    [this](Request& request, int errnum) { results[&request] = errnum; });
  }

  // Sends the request and takes what arrives of it, up to its data.
  uint64_t issue(Request& request) {
    channel->issue(request);
    channel->work();
    std::byte header[wire::kRequestSize];
    REQUIRE(::recv(server.get(), header, sizeof header, 0) == sizeof header);
    REQUIRE(wire::load<uint32_t>(header) == wire::kRequestMagic);
    return wire::load<uint64_t>(header + 8);
  }
  Request& read(uint64_t offset, size_t size) {
    Bytes& into = buffers.emplace_back(size);
    Request& request = requests.emplace_back();
    request.command = Command::read;
    request.offset = offset;
    request.length = size;
    request.data = into.data();
    return request;
  }
  void answer(const Bytes& bytes) {
    size_t sent = 0;
    while (sent < bytes.size()) {
      const ssize_t n =
          ::send(server.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
      if (n > 0) sent += static_cast<size_t>(n);
      channel->ready(EPOLLIN);
      if (channel->gone()) return;
    }
    channel->ready(EPOLLIN);
  }

  nbd::Fd ours, server;
  std::map<Request*, int> results;
  std::deque<Request> requests;
  std::deque<Bytes> buffers;
  std::optional<PlainChannel> channel;
};

}  // namespace

TEST_CASE("replies of any size, cut anywhere, in any order, reach their requests") {
  const auto seed = GENERATE(1U, 2U, 3U, 4U, 5U);
  const bool structured = GENERATE(false, true);
  CAPTURE(seed, structured);
  std::mt19937 random(seed);
  Peer peer(structured);
  std::vector<std::pair<uint64_t, size_t>> order;  // cookie, which
  std::vector<Bytes> contents;
  for (size_t i = 0; i < 60; ++i) {
    const size_t size = random() % 4 == 0 ? 1 + random() % 200000 : 1 + random() % 5000;
    contents.push_back(pattern(size, static_cast<unsigned>(i)));
    order.emplace_back(peer.issue(peer.read(i << 20, size)), i);
  }
  std::shuffle(order.begin(), order.end(), random);
  Bytes stream;
  for (const auto& [cookie, i] : order) {
    const Bytes& all = contents[i];
    if (!structured) {
      append(stream, simple(cookie, 0, all));
      continue;
    }
    const size_t cut = random() % all.size();
    const auto middle = all.begin() + static_cast<std::ptrdiff_t>(cut);
    append(stream, data_chunk(cookie, (i << 20) + cut, {middle, all.end()}, cut == 0));
    if (cut != 0) append(stream, data_chunk(cookie, i << 20, {all.begin(), middle}, true));
  }
  for (size_t at = 0; at < stream.size();) {
    const size_t piece = std::min<size_t>(1 + random() % 40000, stream.size() - at);
    const auto from = stream.begin() + static_cast<std::ptrdiff_t>(at);
    peer.answer({from, from + static_cast<std::ptrdiff_t>(piece)});
    at += piece;
  }
  REQUIRE_FALSE(peer.channel->gone());
  REQUIRE(peer.results.size() == contents.size());
  for (size_t i = 0; i < contents.size(); ++i) {
    CHECK(peer.results[&peer.requests[i]] == 0);
    CHECK(peer.buffers[i] == contents[i]);
  }
  CHECK(peer.channel->idle());
}

TEST_CASE("holes are zeroes, and a read with a gap is EIO") {
  Peer peer;
  Request& request = peer.read(4096, 8192);
  std::memset(request.data, 0x55, 8192);
  const auto cookie = peer.issue(request);
  Bytes hole;
  append(hole, uint64_t{4096});
  append(hole, uint32_t{4096});
  peer.answer(chunk(cookie, wire::Chunk::offset_hole, false, hole));
  SECTION("all of it") {
    peer.answer(data_chunk(cookie, 8192, pattern(4096, 1), true));
    CHECK(peer.results.at(&request) == 0);
    CHECK(peer.buffers[0][4095] == std::byte{0});
    CHECK(peer.buffers[0][4097] == pattern(4096, 1)[1]);
  }
  SECTION("half of it") {
    peer.answer(chunk(cookie, wire::Chunk::none, true, {}));
    CHECK(peer.results.at(&request) == EIO);
  }
}

TEST_CASE("errors are the protocol's, and one that is not known is EINVAL") {
  const auto [code, expected] = GENERATE(std::pair{28U, ENOSPC}, std::pair{1U, EPERM},
                                         std::pair{108U, ESHUTDOWN}, std::pair{4711U, EINVAL});
  Peer peer;
  Request& first = peer.read(0, 512);
  Request& second = peer.read(0, 512);
  const auto one = peer.issue(first);
  const auto two = peer.issue(second);
  Bytes content;
  append(content, static_cast<uint32_t>(code));
  append(content, uint16_t{2});
  append(content, uint16_t{0x6f6f});
  peer.answer(chunk(two, wire::Chunk::error, true, content));
  peer.answer(simple(one, static_cast<uint32_t>(code)));
  CHECK(peer.results.at(&first) == expected);
  CHECK(peer.results.at(&second) == expected);
}

TEST_CASE("a server that sends what was not asked for is not listened to any more") {
  Peer peer;
  Request& request = peer.read(4096, 4096);
  const auto cookie = peer.issue(request);
  Bytes bad;
  SECTION("no reply") { bad = pattern(64, 1); }
  SECTION("another cookie") { bad = simple(cookie + 1, 0); }
  SECTION("data before its place") { bad = data_chunk(cookie, 4095, pattern(10, 1), true); }
  SECTION("data past its end") { bad = data_chunk(cookie, 8000, pattern(193, 1), true); }
  SECTION("data far away") { bad = data_chunk(cookie, UINT64_MAX - 5, pattern(10, 1), true); }
  SECTION("a hole past its end") {
    Bytes hole;
    append(hole, uint64_t{8191});
    append(hole, uint32_t{2});
    bad = chunk(cookie, wire::Chunk::offset_hole, true, hole);
  }
  SECTION("extents of a read") {
    bad = chunk(cookie, wire::Chunk::block_status, true, pattern(12, 1));
  }
  SECTION("a simple reply to a read") { bad = simple(cookie, 0, pattern(4096, 1)); }
  SECTION("an endless chunk") {
    append(bad, wire::kStructuredReplyMagic);
    append(bad, uint16_t{0});
    append(bad, static_cast<uint16_t>(wire::Chunk::none));
    append(bad, cookie);
    append(bad, uint32_t{0xffffffff});
  }
  SECTION("a second answer") {
    bad = data_chunk(cookie, 4096, pattern(4096, 1), true);
    append(bad, simple(cookie, 0));
  }
  peer.answer(bad);
  CHECK(peer.channel->gone());
  CHECK_FALSE(peer.channel->why_gone().empty());
}

TEST_CASE("a write keeps its data until it is sent, though it is answered before") {
  Peer peer;
  Bytes data = pattern(8 << 20, 3);  // more than a socket holds
  Request request;
  request.command = Command::write;
  request.length = data.size();
  request.data = data.data();
  const auto cookie = peer.issue(request);
  CHECK((peer.channel->wish().events & EPOLLOUT) != 0);
  peer.answer(simple(cookie, 5));
  CHECK(peer.results.empty());
  Bytes got(1 << 16);
  size_t total = 0;
  for (ssize_t n; (n = ::recv(peer.server.get(), got.data(), got.size(), 0)) > 0;) {
    REQUIRE(std::memcmp(got.data(), data.data() + total, static_cast<size_t>(n)) == 0);
    total += static_cast<size_t>(n);
    peer.channel->ready(EPOLLOUT);
    peer.channel->work();
  }
  CHECK(total == data.size());
  CHECK(peer.results.at(&request) == EIO);
}

TEST_CASE("what a server has answered before it went counts, the rest is told in order") {
  Peer peer;
  Request& first = peer.read(0, 512);
  Request& second = peer.read(512, 512);
  Request& third = peer.read(1024, 512);
  peer.issue(first);
  const auto cookie = peer.issue(second);
  peer.issue(third);
  const Bytes answer = data_chunk(cookie, 512, pattern(512, 1), true);
  REQUIRE(::send(peer.server.get(), answer.data(), answer.size(), 0) > 0);
  peer.server.reset();
  Request& late = peer.read(0, 512);
  peer.channel->issue(late);
  peer.channel->work();
  peer.channel->ready(EPOLLIN | EPOLLHUP);
  peer.channel->ready(EPOLLIN | EPOLLHUP);
  CHECK(peer.results.at(&second) == 0);
  CHECK(peer.results.size() == 1);
  REQUIRE(peer.channel->gone());
  auto left = peer.channel->take_flights();
  CHECK(&left.pop() == &first);
  CHECK(&left.pop() == &third);
  CHECK(&left.pop() == &late);
  CHECK(left.empty());
}
