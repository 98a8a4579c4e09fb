// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>
#include <cerrno>

#include "wire/reply.hpp"

namespace wire = nbd::wire;

namespace {
std::vector<unsigned> numbers(wire::Bytes bytes) {
  std::vector<unsigned> out;
  for (const std::byte b : bytes) out.push_back(std::to_integer<unsigned>(b));
  return out;
}
}  // namespace

TEST_CASE("a request has the bytes of the protocol document, and comes back from them") {
  std::array<std::byte, wire::kRequestSize> bytes;
  wire::encode_request(bytes.data(), {.flags = wire::command_flag::kFua,
                                      .command = wire::Command::write,
                                      .cookie = 0x0102030405060708,
                                      .offset = 0x1000,
                                      .length = 512});
  CHECK(numbers(bytes) == std::vector<unsigned>{0x25, 0x60, 0x95, 0x13, 0, 1, 0,    1,  //
                                                1,    2,    3,    4,    5, 6, 7,    8,  //
                                                0,    0,    0,    0,    0, 0, 0x10, 0,  //
                                                0,    0,    2,    0});
  const auto r = wire::decode_request(bytes.data(), false);
  REQUIRE(r);
  CHECK(r->flags == 1);
  CHECK(r->command == wire::Command::write);
  CHECK(r->cookie == 0x0102030405060708);
  CHECK(r->offset == 0x1000);
  CHECK(r->length == 512);
  bytes[0] = std::byte{0};
  CHECK_FALSE(wire::decode_request(bytes.data(), false));
}

namespace {
std::vector<unsigned> operator+(std::vector<unsigned> a, const std::vector<unsigned>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
std::vector<unsigned> be(unsigned bytes, uint64_t value) {
  std::vector<unsigned> out;
  while (bytes-- > 0) out.push_back(static_cast<unsigned>(value >> (8 * bytes)) & 0xff);
  return out;
}
}  // namespace

TEST_CASE("replies have the bytes of the protocol document, in every style") {
  using wire::ReplyStyle;
  const wire::Request read{.command = wire::Command::read, .cookie = 9, .offset = 0x200};
  const wire::Request trim{.command = wire::Command::trim, .cookie = 9, .offset = 0x200};
  const auto simple = be(4, 0x67446698);
  const auto structured = be(4, 0x668e33ef), extended = be(4, 0x6e8a278c);
  const auto error = wire::ErrorCode::eio;

  CHECK(numbers(wire::success_reply(ReplyStyle::structured, trim).view()) ==
        simple + be(4, 0) + be(8, 9));
  CHECK(numbers(wire::success_reply(ReplyStyle::extended, trim).view()) ==
        extended + be(2, 1) + be(2, 0) + be(8, 9) + be(8, 0x200) + be(8, 0));

  CHECK(numbers(wire::data_chunk(ReplyStyle::simple, read, 0x200, 0x10).view()) ==
        simple + be(4, 0) + be(8, 9));
  CHECK(numbers(wire::data_chunk(ReplyStyle::structured, read, 0x300, 0x10, false).view()) ==
        structured + be(2, 0) + be(2, 1) + be(8, 9) + be(4, 0x18) + be(8, 0x300));
  CHECK(numbers(wire::data_chunk(ReplyStyle::extended, read, 0x300, 0x10).view()) ==
        extended + be(2, 1) + be(2, 1) + be(8, 9) + be(8, 0x200) + be(8, 0x18) + be(8, 0x300));
  CHECK(numbers(wire::hole_chunk(ReplyStyle::structured, read, 0x300, 0x1000, true).view()) ==
        structured + be(2, 1) + be(2, 2) + be(8, 9) + be(4, 12) + be(8, 0x300) + be(4, 0x1000));

  CHECK(numbers(wire::error_reply(ReplyStyle::simple, read, error, "no").bytes()) ==
        simple + be(4, 5) + be(8, 9));
  CHECK(numbers(wire::error_reply(ReplyStyle::structured, trim, error).bytes()) ==
        simple + be(4, 5) + be(8, 9));
  CHECK(numbers(wire::error_reply(ReplyStyle::structured, trim, error, "no").bytes()) ==
        structured + be(2, 1) + be(2, 0x8001) + be(8, 9) + be(4, 8) + be(4, 5) + be(2, 2) +
            std::vector<unsigned>{'n', 'o'});
  CHECK(numbers(wire::error_reply(ReplyStyle::extended, read, error, "", 0x300).bytes()) ==
        extended + be(2, 1) + be(2, 0x8002) + be(8, 9) + be(8, 0x200) + be(8, 14) + be(4, 5) +
            be(2, 0) + be(8, 0x300));

  const std::vector<wire::BlockDescriptor> blocks{{0x1000, 3}};
  CHECK(numbers(wire::block_status_reply(ReplyStyle::structured, read, 1, blocks).bytes()) ==
        structured + be(2, 1) + be(2, 5) + be(8, 9) + be(4, 12) + be(4, 1) + be(4, 0x1000) +
            be(4, 3));
  CHECK(numbers(wire::block_status_reply(ReplyStyle::extended, read, 1, blocks).bytes()) ==
        extended + be(2, 1) + be(2, 6) + be(8, 9) + be(8, 0x200) + be(8, 24) + be(4, 1) + be(4, 1) +
            be(8, 0x1000) + be(8, 3));
}

TEST_CASE("a long text of an error is cut between characters") {
  const wire::Request read{.command = wire::Command::read};
  for (const size_t before : {898, 899, 900}) {
    const std::string text = std::string(before, 'x') + "\u00b5" + std::string(9000, 'y');
    const auto reply =
        wire::error_reply(wire::ReplyStyle::structured, read, wire::ErrorCode::eio, text);
    CHECK(reply.bytes().size() == 20 + 6 + (before == 899 ? 899 : 900));
  }
}

TEST_CASE("an extended request says whether a payload follows") {
  std::vector<std::byte> bytes(wire::kExtendedRequestSize);
  const wire::Request write{
      .command = wire::Command::write, .cookie = 1, .length = 5, .payload = 5};
  wire::encode_request(bytes.data(), write, true);
  CHECK(numbers(bytes) ==
        be(4, 0x21e41c71) + be(2, 0x20) + be(2, 1) + be(8, 1) + be(8, 0) + be(8, 5));
  const auto w = wire::decode_request(bytes.data(), true);
  REQUIRE(w);
  CHECK(w->payload == 5);
  CHECK(w->flags == 0);
  CHECK_FALSE(wire::decode_request(bytes.data(), false));

  const wire::Request trim{.command = wire::Command::trim, .length = uint64_t{1} << 40};
  wire::encode_request(bytes.data(), trim, true);
  const auto t = wire::decode_request(bytes.data(), true);
  REQUIRE(t);
  CHECK(t->length == uint64_t{1} << 40);
  CHECK(t->payload == 0);
}

TEST_CASE("a block status payload whose length lies is refused") {
  wire::Writer good;
  good.put(uint64_t{512}).put(uint32_t{1}).put(uint32_t{7});
  const auto p = wire::decode_block_status_payload(good.bytes());
  REQUIRE(p);
  CHECK(p->length == 512);
  CHECK(p->context_ids == std::vector<uint32_t>{1, 7});
  for (size_t n = 0; n < good.bytes().size(); ++n) {
    CHECK(wire::decode_block_status_payload(good.bytes().first(n)).has_value() ==
          (n == 8 || n == 12));
  }
}

TEST_CASE("an info request whose lengths lie is refused") {
  wire::Writer good;
  good.put(uint32_t{3}).put("abc").put(uint16_t{1}).put(uint16_t{3});
  const auto request = wire::decode_info_request(good.bytes());
  REQUIRE(request);
  CHECK(request->export_name == "abc");
  CHECK(request->wanted == std::vector{wire::Info::block_size});

  // cut at every place; one byte too many; name length beyond the data
  for (size_t n = 0; n < good.bytes().size(); ++n) {
    CHECK_FALSE(wire::decode_info_request(good.bytes().first(n)));
  }
  wire::Writer longer = good;
  longer.put(uint8_t{0});
  CHECK_FALSE(wire::decode_info_request(longer.bytes()));
  wire::Writer lying;
  lying.put(uint32_t{0xffffffff}).put("abc").put(uint16_t{0});
  CHECK_FALSE(wire::decode_info_request(lying.bytes()));
}

TEST_CASE("a meta context request whose counts lie is refused") {
  wire::Writer good;
  good.put(uint32_t{0}).put(uint32_t{2}).put(uint32_t{5}).put("base:").put(uint32_t{0});
  const auto request = wire::decode_meta_context_request(good.bytes());
  REQUIRE(request);
  CHECK(request->queries == std::vector<std::string_view>{"base:", ""});
  for (size_t n = 0; n < good.bytes().size(); ++n) {
    CHECK_FALSE(wire::decode_meta_context_request(good.bytes().first(n)));
  }
  wire::Writer lying;
  lying.put(uint32_t{0}).put(uint32_t{0xffffffff}).put(uint32_t{0});
  CHECK_FALSE(wire::decode_meta_context_request(lying.bytes()));
}

TEST_CASE("every errno becomes one that the protocol knows") {
  CHECK(wire::error_code_of(0) == wire::ErrorCode::none);
  CHECK(wire::error_code_of(EROFS) == wire::ErrorCode::eperm);
  CHECK(wire::error_code_of(EDQUOT) == wire::ErrorCode::enospc);
  CHECK(wire::error_code_of(ENOENT) == wire::ErrorCode::einval);
  wire::Request r{.flags = 0, .command = wire::Command::read};
  CHECK(wire::error_code_for(r, EOPNOTSUPP) == wire::ErrorCode::einval);
  CHECK(wire::error_code_for(r, EOVERFLOW) == wire::ErrorCode::einval);
  CHECK(wire::error_code_for(r, EIO) == wire::ErrorCode::eio);
  r.flags = wire::command_flag::kDf;
  CHECK(wire::error_code_for(r, EOVERFLOW) == wire::ErrorCode::eoverflow);
  r.flags = wire::command_flag::kFastZero;
  CHECK(wire::error_code_for(r, EOPNOTSUPP) == wire::ErrorCode::enotsup);
  CHECK(wire::error_code_of(ESHUTDOWN) == wire::ErrorCode::eshutdown);
}
