// SPDX-License-Identifier: BSD-3-Clause
//
// What both sides of a connection through the proxy may say, in any pieces, with rules
// that change each kind of message. The input is a run of pieces: a byte for the side (its
// lowest bit) and the length (the rest), then so many bytes. No byte may be lost where no
// rule takes one away, and nothing may crash.
#include <cstdint>
#include <cstdlib>

#include "proxy/conversation.hpp"
#include "proxy/delivery.hpp"

using namespace testkit::proxy;

namespace {

Rule rule(Place place, Action action, bool with_data = false) {
  Rule r;
  r.match.place = place;
  r.match.with_data = with_data;
  r.trigger.every = 2;
  r.action = std::move(action);
  return r;
}

const std::vector<Rule>& rules() {
  static const std::vector<Rule> list = [] {
    std::vector<Rule> out;
    for (unsigned i = 0; i < kPlaces; ++i) {
      const auto place = static_cast<Place>(i);
      out.push_back(rule(place, Flip{.count = 3}));
      std::vector<FieldChange> changes;
      for (const auto name : field_names(place)) changes.push_back({std::string(name), 1, true});
      out.push_back(rule(place, Set{changes}));
      out.push_back(rule(place, Truncate{10}));
    }
    out.push_back(rule(Place::reply, Flip{}, true));
    out.push_back(
        rule(Place::reply, Chunks{.bytes = 100, .reverse = true, .overlap = 30, .gap = 7}));
    out.push_back(rule(Place::reply, Hole{}));
    out.push_back(rule(Place::reply, Extents{{{0, 1}, {4096, 0}}, 7}));
    out.push_back(rule(Place::reply, Fail{77}));
    out.push_back(rule(Place::request, Answer{}));
    out.push_back(rule(Place::option, Answer{.code = 1, .data = "text", .copies = 2}));
    return out;
  }();
  return list;
}

// All messages that are there whole; how many bytes they have.
size_t take_messages(Conversation& c, Incoming& incoming, bool from_client, Faults& faults) {
  size_t taken = 0;
  while (const auto m = from_client ? c.next_from_client(incoming) : c.next_from_server(incoming)) {
    taken += m->bytes.size();
    if (m->bytes.empty() || describe(*m).empty()) std::abort();
    const bool is_large_read =  // answering it makes as many zeroes
        m->place == Place::request && m->request.length > 1 << 16;
    if (!is_large_read) deliver(*m, faults.rules(), faults.fire(*m, 1), c.style());
    if (from_client) c.forwarded(*m);
  }
  return taken;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* input, size_t size) {
  Conversation conversation;
  Faults faults(rules(), 1);
  Incoming sides[2];
  size_t added[2] = {}, taken[2] = {};
  for (size_t at = 0; at < size;) {
    const bool from_client = (input[at] & 1) != 0;
    const size_t count = std::min<size_t>(size - at - 1, input[at] >> 1);
    ++at;
    sides[from_client].add(std::as_bytes(std::span(input + at, count)));
    added[from_client] += count;
    at += count;
    for (const bool side : {from_client, !from_client}) {
      taken[side] += take_messages(conversation, sides[side], side, faults);
    }
  }
  for (const int side : {0, 1}) {
    if (added[side] != taken[side] + sides[side].size()) std::abort();
  }
  return 0;
}
