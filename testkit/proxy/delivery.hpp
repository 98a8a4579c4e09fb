// SPDX-License-Identifier: BSD-3-Clause
//
// What is put on the wire in place of a message, once the rules that fire have had
// their way with it. Values only; the proxy sends them.
#pragma once

#include <optional>
#include <vector>

#include "proxy/faults.hpp"
#include "proxy/message.hpp"

namespace testkit::proxy {

// Something that happens when so many bytes of the message have been sent.
struct Stop {
  enum class Kind { pause, stall, disconnect, insert, alert };
  uint64_t at_byte = 0;
  Kind kind = Kind::pause;
  Duration time{};     // pause
  bool reset = false;  // disconnect
  Buffer bytes;        // insert
  uint8_t alert = 0;
};

struct Delivery {
  std::vector<Buffer> messages;    // what goes on; none: nothing does
  std::vector<Buffer> back;        // what goes to where the message came from
  std::vector<Stop> stops;         // by at_byte
  uint64_t segment = 0;            // bytes in one send; 0: all
  Duration pause{};                // between segments
  uint64_t behind = 0;             // wait for so many messages
  uint64_t merged_with = 0;        // go with the next so many in one send
  bool ends_reply = false;         // what else the server says to this request is not passed on
  std::vector<std::string> notes;  // what was done, one for each rule
};

// REQUIRES: `fired` are of `rules`. style: how replies to the client look.
Delivery deliver(const Message& message, const std::vector<Rule>& rules,
                 const std::vector<Fired>& fired, nbd::wire::ReplyStyle style);

}  // namespace testkit::proxy
