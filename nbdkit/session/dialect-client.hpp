// SPDX-License-Identifier: BSD-3-Clause
//
// For tests: a client that negotiates structured replies or extended headers
// and takes replies apart, chunk by chunk.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "session/test-server.hpp"
#include "wire/reply.hpp"

namespace nbdkit::test {

struct ReceivedChunk {
  uint16_t type = 0;
  bool done = false;
  uint64_t offset = 0;  // of the header, in extended replies
  std::vector<std::byte> payload;

  template <class T>
  T at(size_t i) const {
    return nbd::wire::load<T>(payload.data() + i);
  }
  // Of an error chunk.
  uint32_t error() const { return at<uint32_t>(0); }
  std::string text() const {
    return {reinterpret_cast<const char*>(payload.data()) + 6, at<uint16_t>(4)};
  }
};

class DialectClient : public RawClient {
 public:
  DialectClient(const TestServer& server, nbd::wire::ReplyStyle style)
      : RawClient(server), extended_(style == nbd::wire::ReplyStyle::extended) {
    greet();
    if (style != nbd::wire::ReplyStyle::simple) {
      const uint32_t number = extended_ ? 11 : 8;
      send(option(number, 0));
      if (option_reply() != 1) nbd::fail("the server refused option {}", number);
    }
  }

  // The type of the next option reply; its data is left in option_data.
  uint32_t option_reply() {
    const auto head = receive(20);
    option_data = receive(nbd::wire::load<uint32_t>(head.data() + 16));
    return nbd::wire::load<uint32_t>(head.data() + 12);
  }
  uint32_t ask(uint32_t number, const nbd::wire::Writer& data = {}) {
    send(option(number, static_cast<uint32_t>(data.bytes().size())));
    send(data);
    return option_reply();
  }
  void set_base_allocation() {
    constexpr std::string_view kContext = "base:allocation";
    nbd::wire::Writer w;
    w.put(uint32_t{0}).put(uint32_t{1}).put(static_cast<uint32_t>(kContext.size())).put(kContext);
    if (ask(10, w) != 4 || option_reply() != 1) nbd::fail("no base:allocation");
  }
  // NBD_OPT_GO; the transmission flags.
  uint16_t go() {
    nbd::wire::Writer w;
    w.put(uint32_t{0}).put(uint16_t{0});
    uint16_t flags = 0;
    for (uint32_t type = ask(7, w); type != 1; type = option_reply()) {
      if (type != 3) nbd::fail("GO failed: {}", type);
      if (option_data.size() == 12) flags = nbd::wire::load<uint16_t>(option_data.data() + 10);
    }
    return flags;
  }

  void request(nbd::wire::Command command, uint64_t offset, uint64_t length, uint16_t flags = 0,
               const std::vector<std::byte>& payload = {}) {
    std::vector<std::byte> out(nbd::wire::request_size(extended_));
    nbd::wire::encode_request(out.data(),
                              {.flags = flags,
                               .command = command,
                               .cookie = 42,
                               .offset = offset,
                               .length = length,
                               .payload = payload.size()},
                              extended_);
    send(out);
    send(payload);
  }
  ReceivedChunk chunk() {
    namespace wire = nbd::wire;
    const auto head = receive(extended_ ? wire::kExtendedChunkHeaderSize : wire::kChunkHeaderSize);
    const uint32_t magic = extended_ ? wire::kExtendedReplyMagic : wire::kStructuredReplyMagic;
    if (wire::load<uint32_t>(head.data()) != magic || wire::load<uint64_t>(head.data() + 8) != 42) {
      nbd::fail("not a chunk of our reply");
    }
    ReceivedChunk c;
    c.done = (wire::load<uint16_t>(head.data() + 4) & wire::kReplyFlagDone) != 0;
    c.type = wire::load<uint16_t>(head.data() + 6);
    if (extended_) c.offset = wire::load<uint64_t>(head.data() + 16);
    c.payload = receive(extended_ ? wire::load<uint64_t>(head.data() + 24)
                                  : wire::load<uint32_t>(head.data() + 16));
    return c;
  }
  std::vector<ReceivedChunk> reply() {
    std::vector<ReceivedChunk> out;
    do out.push_back(chunk());
    while (!out.back().done);
    return out;
  }

  std::vector<std::byte> option_data;

 private:
  bool extended_;
};

}  // namespace nbdkit::test
