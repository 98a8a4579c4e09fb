// SPDX-License-Identifier: BSD-3-Clause
//
// Wire faults: one object for each rule. What it may hold depends on its place and its
// action, so both are read first.
#include <algorithm>
#include <array>
#include <cctype>

#include "base/error.hpp"
#include "base/parse.hpp"
#include "proxy/message.hpp"
#include "scenario/decode.hpp"
#include "wire/protocol.hpp"

namespace testkit {

namespace {

namespace wire = nbd::wire;
using namespace proxy;

template <class T>
struct Word {
  std::string_view name;
  T value;
};

constexpr uint32_t kError = wire::kRepError;

constexpr std::array kOptions{Word<uint32_t>{"export_name", 1},
                              Word<uint32_t>{"abort", 2},
                              Word<uint32_t>{"list", 3},
                              Word<uint32_t>{"starttls", 5},
                              Word<uint32_t>{"info", 6},
                              Word<uint32_t>{"go", 7},
                              Word<uint32_t>{"structured_reply", 8},
                              Word<uint32_t>{"list_meta_context", 9},
                              Word<uint32_t>{"set_meta_context", 10},
                              Word<uint32_t>{"extended_headers", 11}};
constexpr std::array kReplies{Word<uint32_t>{"ack", 1},
                              Word<uint32_t>{"server", 2},
                              Word<uint32_t>{"info", 3},
                              Word<uint32_t>{"meta_context", 4},
                              Word<uint32_t>{"err_unsup", kError + 1},
                              Word<uint32_t>{"err_policy", kError + 2},
                              Word<uint32_t>{"err_invalid", kError + 3},
                              Word<uint32_t>{"err_platform", kError + 4},
                              Word<uint32_t>{"err_tls_reqd", kError + 5},
                              Word<uint32_t>{"err_unknown", kError + 6},
                              Word<uint32_t>{"err_shutdown", kError + 7},
                              Word<uint32_t>{"err_block_size_reqd", kError + 8},
                              Word<uint32_t>{"err_too_big", kError + 9},
                              Word<uint32_t>{"err_ext_header_reqd", kError + 10}};
constexpr std::array kInfos{Word<uint16_t>{"export", 0}, Word<uint16_t>{"name", 1},
                            Word<uint16_t>{"description", 2}, Word<uint16_t>{"block_size", 3}};
constexpr std::array kCommands{
    Word<uint16_t>{"read", 0},         Word<uint16_t>{"write", 1},       Word<uint16_t>{"disc", 2},
    Word<uint16_t>{"flush", 3},        Word<uint16_t>{"trim", 4},        Word<uint16_t>{"cache", 5},
    Word<uint16_t>{"write_zeroes", 6}, Word<uint16_t>{"block_status", 7}};
constexpr std::array kChunks{Word<uint16_t>{"simple", kSimpleReply},
                             Word<uint16_t>{"none", 0},
                             Word<uint16_t>{"data", 1},
                             Word<uint16_t>{"hole", 2},
                             Word<uint16_t>{"block_status", 5},
                             Word<uint16_t>{"block_status_ext", 6},
                             Word<uint16_t>{"error", 0x8001},
                             Word<uint16_t>{"error_offset", 0x8002}};

// RFC 8446, section 6.
constexpr std::array kAlerts{
    Word<uint8_t>{"close_notify", 0},           Word<uint8_t>{"unexpected_message", 10},
    Word<uint8_t>{"bad_record_mac", 20},        Word<uint8_t>{"handshake_failure", 40},
    Word<uint8_t>{"certificate_expired", 45},   Word<uint8_t>{"unknown_ca", 48},
    Word<uint8_t>{"access_denied", 49},         Word<uint8_t>{"protocol_version", 70},
    Word<uint8_t>{"insufficient_security", 71}, Word<uint8_t>{"internal_error", 80},
    Word<uint8_t>{"user_canceled", 90}};

// One of the words, or a number.
template <class T, size_t N>
T word_or_number(const Value& v, const std::array<Word<T>, N>& words) {
  if (v.is_number()) return static_cast<T>(v.number(0, std::numeric_limits<T>::max()));
  std::vector<std::string> names;
  for (const auto& w : words) names.emplace_back(w.name);
  return words[v.one_of(names)].value;
}

template <class T, size_t N>
std::vector<T> words_or_numbers(Object& o, const char* key, const std::array<Word<T>, N>& words) {
  std::vector<T> out;
  if (const auto v = o.get(key)) {
    for (const Value& one : v->array_or_one()) out.push_back(word_or_number(one, words));
  }
  return out;
}

uint64_t size_or(Object& o, const char* key, uint64_t otherwise) {
  const auto v = o.get(key);
  return v ? v->size() : otherwise;
}
uint64_t count_or(Object& o, const char* key, uint64_t otherwise, uint64_t least = 1) {
  const auto v = o.get(key);
  return v ? v->number(least, UINT32_MAX) : otherwise;
}

// An errno by name, or a number that no system has.
uint32_t error_number(const Value& v) {
  if (v.is_number()) return static_cast<uint32_t>(v.number(0, UINT32_MAX));
  const std::string name = v.string("an errno such as \"EIO\", or a number");
  const int number = nbd::errno_from_name(name);
  if (number == 0 && v.is_string()) v.expected("an errno such as \"EIO\", or a number");
  return static_cast<uint32_t>(number);
}

// ---- Where

void read_place(Object& o, Match& match) {
  std::vector<std::string> names;
  for (unsigned i = 0; i < kPlaces; ++i) names.emplace_back(name_of(static_cast<Place>(i)));
  names.emplace_back("reply.data");
  const auto v = o.need("at", "where the fault is, such as \"request\" or \"reply\"");
  if (!v) return;
  const size_t index = v->one_of(names);
  match.with_data = index == kPlaces;
  match.place = match.with_data ? Place::reply : static_cast<Place>(index);
}

Range decode_range(const Value& value) {
  Range range;
  Object o = value.object("an object with \"from\", \"to\" or both");
  range.from = size_or(o, "from", 0);
  range.to = size_or(o, "to", UINT64_MAX);
  if (range.to <= range.from)
    value.problem("\"to\" is the first byte behind the range: it must be above \"from\"");
  return range;
}

Match decode_match(Object& o) {
  Match m;
  read_place(o, m);
  const bool is_option = m.place == Place::option || m.place == Place::option_reply;
  const bool is_request = m.place == Place::request || m.place == Place::reply;
  if (is_option) m.options = words_or_numbers(o, "option", kOptions);
  if (m.place == Place::option_reply) {
    m.replies = words_or_numbers(o, "reply", kReplies);
    m.infos = words_or_numbers(o, "info", kInfos);
  }
  if (is_request) {
    m.commands = words_or_numbers(o, "command", kCommands);
    if (const auto v = o.get("offset")) m.offset = decode_range(*v);
  }
  if (m.place == Place::reply) m.chunks = words_or_numbers(o, "chunk", kChunks);
  if (m.place == Place::tls_record) {
    if (const auto v = o.get("from")) m.from_client = v->one_of({"server", "client"}) == 1;
  }
  if (const auto v = o.get("connection")) m.connection = v->number(1, UINT32_MAX);
  return m;
}

Trigger decode_trigger(Object& o) {
  Trigger t;
  t.nth = count_or(o, "nth", 0);
  t.every = count_or(o, "every", 0);
  t.first = count_or(o, "first", 0);
  t.times = count_or(o, "times", UINT64_MAX);
  t.passed = size_or(o, "passed", 0);
  if (const auto v = o.get("after")) t.after = v->duration();
  if (const auto v = o.get("state")) t.in_state = v->string("a state's name");
  if (const auto v = o.get("set_state")) t.set_state = v->string("a state's name");
  if (const auto v = o.get("probability")) {
    try {
      t.probability = nbd::parse_probability("probability", v->scalar());
    } catch (const nbd::Error& e) {
      v->problem(e.what());
    }
  }
  return t;
}

// ---- What

std::vector<std::byte> decode_bytes(const Value& value) {
  std::vector<std::byte> out;
  if (value.is_number()) return std::vector<std::byte>(value.number(1, 1 << 26));
  const std::string hex = value.string("bytes in hexadecimal, or how many zeroes");
  std::string digits;
  for (const char c : hex) {
    if (std::isspace(static_cast<unsigned char>(c)) == 0) digits += c;
  }
  const bool good = digits.size() % 2 == 0 &&
                    digits.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
  if (!good || digits.empty()) {
    value.expected("bytes in hexadecimal such as \"00 ff\", or how many zeroes");
    return out;
  }
  for (size_t i = 0; i < digits.size(); i += 2) {
    out.push_back(static_cast<std::byte>(std::stoul(digits.substr(i, 2), nullptr, 16)));
  }
  return out;
}

// "EIO", 5, "+1", "-8", "0xff", "4K", "err_unsup"
FieldChange decode_change(const std::string& field, const Value& value) {
  FieldChange change{field};
  if (value.is_number()) {
    change.value = value.number(0, UINT64_MAX);
    return change;
  }
  const std::string text = value.string("a number, \"+N\", \"-N\", or the name of an error");
  if (const int number = nbd::errno_from_name(text)) {
    change.value = static_cast<uint64_t>(number);
    return change;
  }
  for (const auto& w : kReplies) {
    if (w.name == text) {
      change.value = w.value;
      return change;
    }
  }
  try {
    change.relative = text.starts_with('+') || text.starts_with('-');
    const std::string digits = change.relative ? text.substr(1) : text;
    const uint64_t number = digits.starts_with("0x")
                                ? nbd::parse_unsigned(field, digits, UINT64_MAX)
                                : nbd::parse_size(field, digits);
    change.value = text.starts_with('-') ? -number : number;
  } catch (const nbd::Error&) {
    if (value.is_string()) value.expected("a number, \"+N\", \"-N\", or the name of an error");
  }
  return change;
}

Set decode_set(Object& o, Place place) {
  Set set;
  const auto value = o.need("fields", "the fields to change, such as {\"cookie\": \"+1\"}");
  if (!value) return set;
  const auto known = field_names(place);
  Object fields = value->object("an object of fields");
  for (const auto& [name, v] : fields.members()) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      std::string list;
      for (const auto k : known) list += (list.empty() ? "" : ", ") + std::string(k);
      v.problem(fmt::format("a message at \"{}\" has no field \"{}\"; it may have {}",
                            name_of(place), name, list));
      continue;
    }
    set.changes.push_back(decode_change(name, v));
  }
  return set;
}

Extents decode_descriptors(Object& o) {
  Extents out;
  const auto value = o.need("descriptors", "a list of [LENGTH, FLAGS]");
  if (value) {
    for (const Value& v : value->array("a list of [LENGTH, FLAGS]")) {
      const auto pair = v.array("[LENGTH, FLAGS]");
      if (pair.size() != 2) {
        if (v.is_array()) v.expected("[LENGTH, FLAGS]");
        continue;
      }
      out.list.emplace_back(pair[0].size(), static_cast<uint32_t>(pair[1].number(0, UINT32_MAX)));
    }
  }
  if (const auto v = o.get("context_id")) {
    out.context = static_cast<uint32_t>(v->number(0, UINT32_MAX));
  }
  return out;
}

Answer decode_answer(Object& o, Place place) {
  Answer answer;
  if (place == Place::option) {
    if (const auto v = o.need("with", "an option's reply, such as \"err_unsup\"")) {
      answer.code = word_or_number(*v, kReplies);
    }
    if (const auto v = o.get("text")) answer.data = v->string("a text for people");
    if (const auto v = o.get("bytes")) {
      const auto bytes = decode_bytes(*v);
      answer.data.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    }
  } else if (const auto v = o.get("with")) {
    answer.code = error_number(*v);
  }
  answer.copies = count_or(o, "copies", 1);
  if (const auto v = o.get("forward")) answer.forward = v->boolean();
  return answer;
}

std::optional<Duration> duration_of(Object& o, const char* key) {
  const auto v = o.get(key);
  return v ? std::optional<Duration>(v->duration()) : std::nullopt;
}

// Where an action makes sense, in words for who finds out that it does not.
struct Kind {
  std::string_view name;
  std::vector<Place> places;  // none: all
};
const std::vector<Kind>& kinds() {
  static const std::vector<Kind> list{{"disconnect", {}},
                                      {"stall", {}},
                                      {"delay", {}},
                                      {"trickle", {}},
                                      {"split", {}},
                                      {"merge", {}},
                                      {"truncate", {}},
                                      {"flip", {}},
                                      {"set", {}},
                                      {"fail", {Place::reply}},
                                      {"duplicate", {}},
                                      {"drop", {}},
                                      {"reorder", {Place::reply, Place::request}},
                                      {"chunks", {Place::reply}},
                                      {"hole", {Place::reply}},
                                      {"extents", {Place::reply}},
                                      {"answer", {Place::option, Place::request}},
                                      {"insert", {}},
                                      {"alert", {}}};
  return list;
}

Action decode_action(Object& o, Place place) {
  const auto v = o.need("do", "what happens, such as \"disconnect\"");
  if (!v) return Drop{};
  std::vector<std::string> names;
  for (const Kind& k : kinds()) names.emplace_back(k.name);
  const Kind& kind = kinds()[v->one_of(names)];
  if (!kind.places.empty() &&
      std::find(kind.places.begin(), kind.places.end(), place) == kind.places.end()) {
    std::string where;
    for (const Place p : kind.places)
      where += fmt::format("{}\"{}\"", where.empty() ? "" : " or ", name_of(p));
    v->problem(fmt::format("\"{}\" is for {}, not for \"{}\"", kind.name, where, name_of(place)));
  }
  if (kind.name == "disconnect") {
    const auto how = o.get("how");
    return proxy::Disconnect{how && how->one_of({"fin", "rst"}) == 1};
  }
  if (kind.name == "stall") return Stall{duration_of(o, "for")};
  if (kind.name == "delay") {
    const auto time = o.need("for", "a time such as \"100ms\"");
    return Stall{time ? time->duration() : Duration{}};
  }
  if (kind.name == "trickle") {
    return Trickle{count_or(o, "bytes", 1),
                   duration_of(o, "pause").value_or(std::chrono::milliseconds(1))};
  }
  if (kind.name == "split") return Split{count_or(o, "bytes", 1)};
  if (kind.name == "merge") return Merge{count_or(o, "messages", 1)};
  if (kind.name == "truncate") return Truncate{count_or(o, "to", 0, 0)};
  if (kind.name == "flip") {
    const auto byte = o.get("byte");
    return Flip{byte ? std::optional(byte->number(0, UINT32_MAX)) : std::nullopt,
                count_or(o, "count", 1)};
  }
  if (kind.name == "set") return decode_set(o, place);
  if (kind.name == "fail") {
    const auto with = o.need("with", "an errno such as \"EIO\"");
    return Fail{with ? error_number(*with) : 0};
  }
  if (kind.name == "duplicate") return Duplicate{count_or(o, "copies", 1)};
  if (kind.name == "drop") return Drop{};
  if (kind.name == "reorder") return Reorder{count_or(o, "behind", 1)};
  if (kind.name == "chunks") {
    const auto reverse = o.get("reverse"), done = o.get("done");
    return Chunks{std::max<uint64_t>(1, size_or(o, "bytes", 512)), reverse && reverse->boolean(),
                  size_or(o, "overlap", 0), size_or(o, "gap", 0), !done || done->boolean()};
  }
  if (kind.name == "hole") return Hole{};
  if (kind.name == "extents") return decode_descriptors(o);
  if (kind.name == "answer") return decode_answer(o, place);
  if (kind.name == "alert") {
    const auto with = o.need("with", "an alert such as \"internal_error\", or its number");
    return Alert{with ? word_or_number(*with, kAlerts) : uint8_t{80}};
  }
  const auto bytes = o.need("bytes", "bytes in hexadecimal, or how many zeroes");
  return Insert{bytes ? decode_bytes(*bytes) : std::vector<std::byte>{}};
}

Rule decode_rule(const Value& value) {
  Rule rule;
  Object o = value.object("a rule with \"at\" and \"do\"");
  rule.match = decode_match(o);
  rule.trigger = decode_trigger(o);
  rule.action = decode_action(o, rule.match.place);
  if (const auto v = o.get("when")) {
    rule.at_byte = v->one_of({"before", "after"}) == 1 ? UINT64_MAX : 0;
  }
  if (const auto v = o.get("after_bytes")) rule.at_byte = v->size();
  if (const auto v = o.get("may_stay_silent")) rule.may_stay_silent = v->boolean();
  return rule;
}

}  // namespace

std::vector<proxy::Rule> decode_wire(const Value& value) {
  std::vector<proxy::Rule> out;
  for (const Value& v : value.array("a list of wire faults")) out.push_back(decode_rule(v));
  return out;
}

}  // namespace testkit
