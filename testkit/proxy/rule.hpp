// SPDX-License-Identifier: BSD-3-Clause
//
// A fault on the wire, as a scenario or the proxy's command line says it: at which
// messages, when, and what is done to them. Plain values; docs/wire-faults.md explains
// each with an example.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace testkit::proxy {

using Duration = std::chrono::nanoseconds;

// ---- Where

enum class Place {
  connection,    // a client has connected, nothing was sent
  greeting,      // the server's first bytes, newstyle or oldstyle
  client_flags,  // the client's answer to them
  option,        // with its data
  option_reply,  // with its data
  export_info,   // the answer to NBD_OPT_EXPORT_NAME
  request,       // with its payload
  reply,         // a simple reply, or one chunk of another, with its data
  tls_record,    // of either side, once TLS is running
  tls_start,     // the proxy is about to shake hands with the client
};
inline constexpr unsigned kPlaces = 10;
std::string_view name_of(Place place);  // "option_reply"

struct Range {
  uint64_t from = 0, to = UINT64_MAX;  // [from, to)
};

// What a message has to be; an empty list takes all.
struct Match {
  Place place = Place::request;
  bool with_data = false;              // reply: only one that carries data of the disk
  std::vector<uint32_t> options;       // option, option_reply: NBD_OPT_*
  std::vector<uint32_t> replies;       // option_reply: NBD_REP_*
  std::vector<uint16_t> infos;         // option_reply of kind NBD_REP_INFO: NBD_INFO_*
  std::vector<uint16_t> commands;      // request, reply: NBD_CMD_*
  std::vector<uint16_t> chunks;        // reply: NBD_REPLY_TYPE_*; 0xffff is a simple reply
  std::optional<Range> offset;         // request, reply: touches it
  std::optional<bool> from_client;     // tls_record
  std::optional<uint64_t> connection;  // counted from 1
};
inline constexpr uint16_t kSimpleReply = 0xffff;

// Which of those that match; all conditions must hold.
struct Trigger {
  uint64_t nth = 0;    // the Nth match, from 1; 0: any
  uint64_t every = 0;  // each Nth match
  uint64_t first = 0;  // the first N matches
  double probability = 1;
  uint64_t times = UINT64_MAX;  // fires so often at most
  uint64_t passed = 0;          // so many bytes have gone by before, on all connections
  Duration after{};             // so long after the proxy began
  std::optional<std::string> in_state, set_state;  // "" is the state at the start
};

// ---- What

struct Disconnect {
  bool reset = false;  // RST, as far as the transport has one; else FIN
};
struct Stall {
  std::optional<Duration> time;  // nothing: for ever
};
struct Trickle {  // in pieces, with pauses
  uint64_t bytes = 1;
  Duration pause = std::chrono::milliseconds(1);
};
struct Split {  // in segments, without pauses to speak of
  uint64_t bytes = 1;
};
struct Merge {  // one segment with the next messages
  uint64_t messages = 1;
};
struct Truncate {  // what comes behind is not sent, and the connection goes on
  uint64_t to = 0;
};
struct Flip {  // bits of random bytes, or of that byte
  std::optional<uint64_t> byte;
  uint64_t count = 1;
};
// Fields of the message by name. A number, or what is added to it.
struct FieldChange {
  std::string field;
  uint64_t value = 0;
  bool relative = false;
};
struct Set {
  std::vector<FieldChange> changes;
};
struct Fail {  // an error in place of a reply
  uint32_t error = 0;
};
struct Duplicate {
  uint64_t copies = 1;  // beside the message itself
};
struct Drop {};
struct Reorder {  // behind the next messages of its direction
  uint64_t behind = 1;
};
struct Chunks {  // data of a read in many chunks
  uint64_t bytes = 512;
  bool reverse = false;
  uint64_t overlap = 0;  // each begins so much before the last one's end
  uint64_t gap = 0;      // each is so much shorter than its place
  bool done = true;      // the last one says that it is the last
};
struct Hole {};                                     // a hole where there was data
struct Extents {                                    // other descriptors of block status
  std::vector<std::pair<uint64_t, uint32_t>> list;  // length, flags
  std::optional<uint32_t> context;
};
// In the server's place; the message is not passed on, unless `forward` is set.
struct Answer {
  uint32_t code = 0;  // option: NBD_REP_*; request: an error
  std::string data;   // behind the header of an option's reply
  uint64_t copies = 1;
  bool forward = false;
};
struct Insert {
  std::vector<std::byte> bytes;
};
struct Alert {  // of TLS, fatal; encrypted if TLS is running
  uint8_t number = 0;
};

using Action = std::variant<Disconnect, Stall, Trickle, Split, Merge, Truncate, Flip, Set, Fail,
                            Duplicate, Drop, Reorder, Chunks, Hole, Extents, Answer, Insert, Alert>;
std::string_view name_of(const Action& action);  // "disconnect"

struct Rule {
  Match match;
  Trigger trigger;
  Action action;
  // Where in the message a disconnect, stall or insert comes: before it, unless this
  // is set; UINT64_MAX is behind it.
  uint64_t at_byte = 0;
  bool may_stay_silent = false;  // that it never fires is no failure
};

}  // namespace testkit::proxy
