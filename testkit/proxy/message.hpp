// SPDX-License-Identifier: BSD-3-Clause
//
// One message of either side, whole, with what its header says. Bytes are kept as they
// came, so that what no fault touches is passed on to the letter.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/rule.hpp"
#include "wire/reply.hpp"

namespace testkit::proxy {

using Buffer = std::vector<std::byte>;

struct Message {
  Place place = Place::connection;
  bool from_client = false;
  Buffer bytes;
  bool oldstyle = false;  // greeting
  uint32_t option = 0, option_reply = 0;
  uint16_t info = 0;  // option_reply of kind NBD_REP_INFO
  // request, reply: what was asked for
  nbd::wire::Request request{};
  nbd::wire::ReplyStyle style = nbd::wire::ReplyStyle::simple;
  bool extended_request = false;
  uint16_t chunk = kSimpleReply;  // reply
  bool done = true;
  size_t data_at = 0;        // reply: where data of the disk begins, if there is any
  uint64_t data_offset = 0;  // ... and where on the disk

  bool has_data() const { return place == Place::reply && data_at != 0 && data_at < bytes.size(); }
  std::span<std::byte> data() { return std::span(bytes).subspan(data_at); }
};

// Of a simple reply.
uint32_t simple_error(const Message& message);

// A field of a message, for Set.
struct Field {
  std::string_view name;
  size_t at, size;
};
// Those of the message's kind; the same name may stand at other places in others.
std::vector<Field> fields_of(const Message& message);
// The names of all fields that a message at this place can have.
std::vector<std::string_view> field_names(Place place);

// "option GO 26 bytes", "reply to READ 4096+512: offset_data 4120 bytes, done"
std::string describe(const Message& message);
std::string_view chunk_name(uint16_t type);  // "data", "hole", "simple"; "" if unknown

}  // namespace testkit::proxy
