// SPDX-License-Identifier: BSD-3-Clause
#include "proxy/delivery.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/mix.hpp"
#include "wire/messages.hpp"

namespace testkit::proxy {

namespace wire = nbd::wire;

namespace {

// Zeroes that are made up for a read; what asks for more is told that it is too much.
constexpr uint64_t kMaxAnswer = 64 << 20;

Buffer bytes_of(wire::Bytes bytes) { return {bytes.begin(), bytes.end()}; }

uint64_t load_field(const Message& m, const Field& f) {
  uint64_t value = 0;
  for (size_t i = 0; i < f.size; ++i) {
    value = value << 8 | std::to_integer<uint64_t>(m.bytes[f.at + i]);
  }
  return value;
}

void store_field(Message& m, const Field& f, uint64_t value) {
  for (size_t i = f.size; i-- > 0; value >>= 8) {
    m.bytes[f.at + i] = static_cast<std::byte>(value & 0xff);
  }
}

// One function for each action that changes the message or what is sent of it. Each
// returns what it did, in words.
class Change {
 public:
  Change(Message& m, Delivery& out, const Rule& rule, const Fired& fired, wire::ReplyStyle style)
      : m_(m), out_(out), rule_(rule), fired_(fired), style_(style) {}

  std::string operator()(const Disconnect& d) {
    stop({.kind = Stop::Kind::disconnect, .reset = d.reset});
    return d.reset ? "RST" : "FIN";
  }
  std::string operator()(const Stall& s) {
    if (!s.time) {
      stop({.kind = Stop::Kind::stall});
      return "for ever";
    }
    stop({.kind = Stop::Kind::pause, .time = *s.time});
    return fmt::format("{} ms", std::chrono::duration<double, std::milli>(*s.time).count());
  }
  std::string operator()(const Trickle& t) {
    out_.segment = t.bytes;
    out_.pause = t.pause;
    return fmt::format("{} bytes at a time", t.bytes);
  }
  std::string operator()(const Split& s) {
    out_.segment = s.bytes;
    return fmt::format("{} bytes at a time", s.bytes);
  }
  std::string operator()(const Merge& merge) {
    out_.merged_with = merge.messages;
    return fmt::format("with the next {}", merge.messages);
  }
  std::string operator()(const Truncate& t) {
    const size_t before = m_.bytes.size();
    m_.bytes.resize(std::min<uint64_t>(t.to, before));
    return fmt::format("to {} of {} bytes", m_.bytes.size(), before);
  }
  std::string operator()(const Flip& flip) {
    // An earlier rule may have taken the data away.
    const size_t from = rule_.match.with_data && m_.has_data() ? m_.data_at : 0;
    const size_t count = m_.bytes.size() - from;
    std::string note;
    for (uint64_t i = 0; i < flip.count && count > 0; ++i) {
      const uint64_t draw = nbd::nth_mix(fired_.random, i);
      const uint64_t byte = flip.byte.value_or(draw >> 8);
      if (flip.byte && byte >= count) return fmt::format("nothing: it has {} bytes", count);
      const uint64_t at = from + byte % count;
      const unsigned bit = static_cast<unsigned>(draw % 8);
      m_.bytes[at] ^= static_cast<std::byte>(1u << bit);
      note += fmt::format("{}bit {} of byte {}", note.empty() ? "" : ", ", bit, at);
    }
    return note;
  }
  std::string operator()(const Set& set) {
    std::string note;
    for (const FieldChange& change : set.changes) {
      const auto fields = fields_of(m_);
      const auto field = std::find_if(fields.begin(), fields.end(),
                                      [&](const Field& f) { return f.name == change.field; });
      if (!note.empty()) note += ", ";
      if (field == fields.end()) {
        note += fmt::format("no {} in this message", change.field);
        continue;
      }
      const uint64_t before = load_field(m_, *field);
      const uint64_t after = change.relative ? before + change.value : change.value;
      store_field(m_, *field, after);
      note += fmt::format("{} {:#x} -> {:#x}", change.field, before, load_field(m_, *field));
    }
    return note;
  }
  std::string operator()(const Fail& fail) {
    m_.bytes = error(fail.error);
    out_.ends_reply = !m_.done;
    m_.data_at = 0;
    return fmt::format("error {}", fail.error);
  }
  std::string operator()(const Duplicate& d) {
    copies_ += d.copies;
    return fmt::format("{} more", d.copies);
  }
  std::string operator()(const Drop&) {
    dropped_ = true;
    return "";
  }
  std::string operator()(const Reorder& r) {
    out_.behind = r.behind;
    return fmt::format("behind the next {}", r.behind);
  }
  std::string operator()(const Chunks& c) {
    if (!out_.messages.empty()) return "nothing: it is in pieces already";
    return is_data_chunk() ? cut_into_chunks(c) : "nothing: no data chunk";
  }
  std::string operator()(const Hole&) {
    if (!is_data_chunk()) return "nothing: no data chunk";
    const auto length = static_cast<uint32_t>(m_.bytes.size() - m_.data_at);
    m_.bytes =
        bytes_of(wire::hole_chunk(m_.style, m_.request, m_.data_offset, length, m_.done).view());
    m_.data_at = 0;
    return fmt::format("{} bytes", length);
  }
  std::string operator()(const Extents& e) { return other_extents(e); }
  std::string operator()(const Answer& answer) { return answer_it(answer); }
  std::string operator()(const Insert& insert) {
    stop({.kind = Stop::Kind::insert, .bytes = insert.bytes});
    return fmt::format("{} bytes", insert.bytes.size());
  }
  std::string operator()(const Alert& a) {
    stop({.kind = Stop::Kind::alert, .alert = a.number});
    return std::to_string(a.number);
  }

  // The message as it is now, as often as it is to go.
  static void finish(Message m, Delivery& out, uint64_t copies, bool dropped) {
    if (dropped) return;
    if (out.messages.empty()) out.messages.push_back(std::move(m.bytes));
    const std::vector<Buffer> once = out.messages;
    for (uint64_t i = 0; i < copies; ++i) {
      out.messages.insert(out.messages.end(), once.begin(), once.end());
    }
  }
  uint64_t copies() const { return copies_; }
  bool dropped() const { return dropped_; }

 private:
  void stop(Stop s) {
    s.at_byte = rule_.at_byte;
    out_.stops.push_back(std::move(s));
  }

  Buffer error(uint32_t code) const {
    const auto wanted = static_cast<wire::ErrorCode>(code);
    // In the form of what it stands for: a chunk for a chunk.
    const auto style = m_.place == Place::reply && m_.chunk == kSimpleReply
                           ? wire::ReplyStyle::simple
                           : (m_.place == Place::reply ? m_.style : style_);
    return bytes_of(wire::error_reply(style, m_.request, wanted).bytes());
  }

  bool is_data_chunk() const {
    return m_.chunk == static_cast<uint16_t>(wire::Chunk::offset_data) && m_.has_data();
  }

  // REQUIRES: is_data_chunk().
  std::string cut_into_chunks(const Chunks& c) {
    const auto data = m_.data();
    struct Part {
      uint64_t at, length;
    };
    std::vector<Part> parts;
    for (uint64_t at = 0; at < data.size(); at += c.bytes) {
      const uint64_t begin = at - std::min(at, c.overlap);
      const uint64_t end = std::min<uint64_t>(at + c.bytes, data.size());
      parts.push_back({begin, end - begin - std::min(c.gap, end - begin - 1)});
    }
    if (c.reverse) std::reverse(parts.begin(), parts.end());
    for (const Part& p : parts) {
      const bool done = m_.done && c.done && &p == &parts.back();
      const auto header = wire::data_chunk(m_.style, m_.request, m_.data_offset + p.at,
                                           static_cast<uint32_t>(p.length), done);
      Buffer chunk = bytes_of(header.view());
      const auto bytes = data.subspan(p.at, p.length);
      chunk.insert(chunk.end(), bytes.begin(), bytes.end());
      out_.messages.push_back(std::move(chunk));
    }
    return fmt::format("{} of them", parts.size());
  }

  std::string other_extents(const Extents& e) {
    const bool extended = m_.chunk == static_cast<uint16_t>(wire::Chunk::block_status_ext);
    if (!extended && m_.chunk != static_cast<uint16_t>(wire::Chunk::block_status)) {
      return "nothing: no block status";
    }
    const auto context = e.context.value_or(wire::kBaseAllocationId);
    std::vector<wire::BlockDescriptor> blocks;
    for (const auto& [length, flags] : e.list) blocks.push_back({length, flags});
    m_.bytes = bytes_of(wire::block_status_reply(m_.style, m_.request, context, blocks).bytes());
    return fmt::format("{} descriptors, context {}", blocks.size(), context);
  }

  std::string answer_it(const Answer& a) {
    Buffer reply;
    if (m_.place == Place::option) {
      reply = bytes_of(wire::encode_option_reply(static_cast<wire::Option>(m_.option),
                                                 static_cast<wire::OptionReply>(a.code),
                                                 std::as_bytes(std::span(a.data)))
                           .bytes());
    } else if (a.code != 0) {
      reply = error(a.code);
    } else if (m_.request.command == wire::Command::read && m_.request.length > kMaxAnswer) {
      reply = error(static_cast<uint32_t>(wire::ErrorCode::enomem));
    } else if (m_.request.command == wire::Command::read) {
      const auto length = static_cast<uint32_t>(m_.request.length);
      reply = bytes_of(wire::data_chunk(style_, m_.request, m_.request.offset, length).view());
      reply.resize(reply.size() + length);
    } else {
      reply = bytes_of(wire::success_reply(style_, m_.request).view());
    }
    for (uint64_t i = 0; i < a.copies; ++i) out_.back.push_back(reply);
    dropped_ = dropped_ || !a.forward;
    return fmt::format("{:#x}{}", a.code, a.copies > 1 ? fmt::format(", {} times", a.copies) : "");
  }

  Message& m_;
  Delivery& out_;
  const Rule& rule_;
  const Fired& fired_;
  const wire::ReplyStyle style_;
  uint64_t copies_ = 0;
  bool dropped_ = false;
};

}  // namespace

Delivery deliver(const Message& message, const std::vector<Rule>& rules,
                 const std::vector<Fired>& fired, wire::ReplyStyle style) {
  Delivery out;
  Message changed = message;
  uint64_t copies = 0;
  bool dropped = false;
  for (const Fired& f : fired) {
    const Rule& rule = rules[f.rule];
    Change change(changed, out, rule, f, style);
    const std::string what = std::visit(change, rule.action);
    out.notes.push_back(fmt::format("{}{}{}", name_of(rule.action), what.empty() ? "" : " ", what));
    copies += change.copies();
    dropped = dropped || change.dropped();
  }
  Change::finish(std::move(changed), out, copies, dropped);
  std::stable_sort(out.stops.begin(), out.stops.end(),
                   [](const Stop& a, const Stop& b) { return a.at_byte < b.at_byte; });
  return out;
}

}  // namespace testkit::proxy
