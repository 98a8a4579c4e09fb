// SPDX-License-Identifier: BSD-3-Clause
#include <catch2/catch.hpp>
#include <cerrno>

#include "wire/messages.hpp"

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
  const auto r = wire::decode_request(bytes.data());
  REQUIRE(r);
  CHECK(r->flags == 1);
  CHECK(r->command == wire::Command::write);
  CHECK(r->cookie == 0x0102030405060708);
  CHECK(r->offset == 0x1000);
  CHECK(r->length == 512);
  bytes[0] = std::byte{0};
  CHECK_FALSE(wire::decode_request(bytes.data()));
}

TEST_CASE("reply headers have the bytes of the protocol document") {
  CHECK(numbers(wire::simple_reply(9, wire::ErrorCode::eio).view()) ==
        std::vector<unsigned>{0x67, 0x44, 0x66, 0x98, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 9});
  CHECK(numbers(wire::offset_data_chunk(9, 0x200, 0x10).view()) ==
        std::vector<unsigned>{0x66, 0x8e, 0x33, 0xef, 0, 1,    0, 1, 0, 0, 0, 0, 0, 0,
                              0,    9,    0,    0,    0, 0x18, 0, 0, 0, 0, 0, 0, 2, 0});
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
