// SPDX-License-Identifier: BSD-3-Clause
#include "proxy/conversation.hpp"

#include <utility>

#include "wire/messages.hpp"

namespace testkit::proxy {

namespace wire = nbd::wire;
using wire::load;

namespace {

// Longer than any message that makes sense: what claims more is not understood.
constexpr uint64_t kMaxMessage = uint64_t{128} << 20;
constexpr size_t kOptionReplyHeader = 20;
constexpr size_t kNewGreetingSize = 18, kOldGreetingSize = 152;
constexpr size_t kTlsHeader = 5;
constexpr uint16_t kMaxTlsRecord = (16 << 10) + 2048;

uint32_t number_of(wire::Option option) { return static_cast<uint32_t>(option); }

// What a request's header says, whichever form it has; nothing if it is none.
struct Head {
  wire::Request request;
  bool extended;
};
std::optional<Head> request_head(wire::Bytes bytes) {
  if (bytes.size() < wire::kRequestSize) return std::nullopt;
  const bool extended = load<uint32_t>(bytes.data()) == wire::kExtendedRequestMagic;
  if (bytes.size() < wire::request_size(extended)) return std::nullopt;
  const auto request = wire::decode_request(bytes.data(), extended);
  if (!request) return std::nullopt;
  return Head{*request, extended};
}

}  // namespace

Buffer Incoming::take(size_t count) {
  const wire::Bytes front = view().first(count);
  Buffer out(front.begin(), front.end());
  begin_ += count;
  if (begin_ == bytes_.size()) {
    bytes_.clear();
    begin_ = 0;
  } else if (begin_ > bytes_.size() / 2) {
    bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(begin_));
    begin_ = 0;
  }
  return out;
}

// ---- The client

std::optional<Message> Conversation::next_from_client(Incoming& incoming) {
  if (client_must_wait() || incoming.size() == 0) return std::nullopt;
  switch (client_) {
    case Phase::start:
    case Phase::opaque: return std::nullopt;
    case Phase::flags: {
      if (incoming.size() < 4) return std::nullopt;
      client_ = Phase::options;
      Message m;
      m.place = Place::client_flags;
      m.from_client = true;
      m.bytes = incoming.take(4);
      return m;
    }
    case Phase::options: return option(incoming);
    case Phase::transmission: return request(incoming);
    case Phase::tls: return tls_record(incoming, true);
  }
  return std::nullopt;
}

std::optional<Message> Conversation::option(Incoming& incoming) {
  const wire::Bytes bytes = incoming.view();
  if (bytes.size() < wire::kOptionHeaderSize) return std::nullopt;
  if (load<uint64_t>(bytes.data()) != wire::kIHaveOpt) return lost(client_);
  const uint64_t size = wire::kOptionHeaderSize + uint64_t{load<uint32_t>(bytes.data() + 12)};
  if (size > kMaxMessage) return lost(client_);
  if (bytes.size() < size) return std::nullopt;
  Message m;
  m.place = Place::option;
  m.from_client = true;
  m.option = load<uint32_t>(bytes.data() + 8);
  m.bytes = incoming.take(size);
  return m;
}

std::optional<Message> Conversation::request(Incoming& incoming) {
  const wire::Bytes bytes = incoming.view();
  if (bytes.size() < wire::kRequestSize) return std::nullopt;
  const uint32_t magic = load<uint32_t>(bytes.data());
  if (magic != wire::kRequestMagic && magic != wire::kExtendedRequestMagic) return lost(client_);
  const auto head = request_head(bytes);
  if (!head) return std::nullopt;
  const uint64_t header = wire::request_size(head->extended);
  if (head->request.payload > kMaxMessage) return lost(client_);
  const uint64_t size = header + head->request.payload;
  if (bytes.size() < size) return std::nullopt;
  Message m;
  m.place = Place::request;
  m.from_client = true;
  m.request = head->request;
  m.extended_request = head->extended;
  m.bytes = incoming.take(size);
  return m;
}

void Conversation::forwarded(const Message& m) {
  switch (m.place) {
    case Place::client_flags:
      if (m.bytes.size() == 4) {
        zeroes_ = (load<uint32_t>(m.bytes.data()) & wire::client_flag::kNoZeroes) == 0;
      }
      return;
    case Place::option:
      if (m.option == number_of(wire::Option::export_name)) {
        export_info_next_ = true;
        client_ = Phase::transmission;
      } else if (m.option == number_of(wire::Option::go) ||
                 m.option == number_of(wire::Option::starttls)) {
        awaited_ = m.option;
      }
      return;
    case Place::request:
      // As the server will see it: a fault may have changed the cookie.
      if (const auto head = request_head(m.bytes)) {
        if (head->request.command != wire::Command::disc) {
          pending_[head->request.cookie] = head->request;
        }
      }
      return;
    default: return;
  }
}

// ---- The server

std::optional<Message> Conversation::next_from_server(Incoming& incoming) {
  if (incoming.size() == 0) return std::nullopt;
  switch (server_) {
    case Phase::start: return greeting(incoming);
    case Phase::flags:
    case Phase::options: return option_reply(incoming);
    case Phase::transmission: return reply(incoming);
    case Phase::tls: return tls_record(incoming, false);
    case Phase::opaque: return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Message> Conversation::greeting(Incoming& incoming) {
  const wire::Bytes bytes = incoming.view();
  if (bytes.size() < 16) return std::nullopt;
  const auto second = load<uint64_t>(bytes.data() + 8);
  Message m;
  m.place = Place::greeting;
  m.oldstyle = second == wire::kOldstyleMagic;
  if (load<uint64_t>(bytes.data()) != wire::kNbdMagic ||
      (second != wire::kIHaveOpt && !m.oldstyle)) {
    client_ = Phase::opaque;
    return lost(server_);
  }
  const size_t size = m.oldstyle ? kOldGreetingSize : kNewGreetingSize;
  if (bytes.size() < size) return std::nullopt;
  client_ = m.oldstyle ? Phase::transmission : Phase::flags;
  server_ = m.oldstyle ? Phase::transmission : Phase::options;
  m.bytes = incoming.take(size);
  return m;
}

std::optional<Message> Conversation::option_reply(Incoming& incoming) {
  const wire::Bytes bytes = incoming.view();
  Message m;
  if (export_info_next_) {
    const size_t size = 10 + (zeroes_ ? wire::kReservedZeroes : 0);
    if (bytes.size() < size) return std::nullopt;
    server_ = Phase::transmission;
    m.place = Place::export_info;
    m.bytes = incoming.take(size);
    return m;
  }
  if (bytes.size() < kOptionReplyHeader) return std::nullopt;
  if (load<uint64_t>(bytes.data()) != wire::kOptionReplyMagic) return lost(server_);
  const uint64_t size = kOptionReplyHeader + uint64_t{load<uint32_t>(bytes.data() + 16)};
  if (size > kMaxMessage) return lost(server_);
  if (bytes.size() < size) return std::nullopt;
  m.place = Place::option_reply;
  m.option = load<uint32_t>(bytes.data() + 8);
  m.option_reply = load<uint32_t>(bytes.data() + 12);
  const bool is_info = m.option_reply == static_cast<uint32_t>(wire::OptionReply::info);
  if (is_info && size >= kOptionReplyHeader + 2) m.info = load<uint16_t>(bytes.data() + 20);
  const bool ack = m.option_reply == static_cast<uint32_t>(wire::OptionReply::ack);
  if (ack && m.option == number_of(wire::Option::structured_reply) &&
      style_ == wire::ReplyStyle::simple) {
    style_ = wire::ReplyStyle::structured;
  }
  if (ack && m.option == number_of(wire::Option::extended_headers)) {
    style_ = wire::ReplyStyle::extended;
  }
  if (m.option == awaited_ && (ack || (m.option_reply & wire::kRepError) != 0)) {
    if (ack) {
      client_ = server_ =
          awaited_ == number_of(wire::Option::go) ? Phase::transmission : Phase::tls;
    }
    awaited_ = 0;
  }
  m.bytes = incoming.take(size);
  return m;
}

std::optional<Message> Conversation::reply(Incoming& incoming) {
  const wire::Bytes bytes = incoming.view();
  if (bytes.size() < wire::kSimpleReplySize) return std::nullopt;
  switch (load<uint32_t>(bytes.data())) {
    case wire::kStructuredReplyMagic: return chunk(incoming, false);
    case wire::kExtendedReplyMagic: return chunk(incoming, true);
    case wire::kSimpleReplyMagic: break;
    default: return lost(server_);
  }
  const auto asked = pending_.find(load<uint64_t>(bytes.data() + 8));
  if (asked == pending_.end()) return lost(server_);
  const bool has_data =
      asked->second.command == wire::Command::read && load<uint32_t>(bytes.data() + 4) == 0;
  const uint64_t size = wire::kSimpleReplySize + (has_data ? asked->second.length : 0);
  if (size > kMaxMessage) return lost(server_);
  if (bytes.size() < size) return std::nullopt;
  Message m;
  m.place = Place::reply;
  m.request = asked->second;
  m.data_at = has_data ? wire::kSimpleReplySize : 0;
  m.data_offset = asked->second.offset;
  m.bytes = incoming.take(size);
  pending_.erase(asked);
  return m;
}

std::optional<Message> Conversation::chunk(Incoming& incoming, bool extended) {
  const wire::Bytes bytes = incoming.view();
  const size_t header = extended ? wire::kExtendedChunkHeaderSize : wire::kChunkHeaderSize;
  if (bytes.size() < header) return std::nullopt;
  const auto asked = pending_.find(load<uint64_t>(bytes.data() + 8));
  if (asked == pending_.end()) return lost(server_);
  const uint64_t length =
      extended ? load<uint64_t>(bytes.data() + 24) : load<uint32_t>(bytes.data() + 16);
  if (length > kMaxMessage) return lost(server_);
  const uint64_t size = header + length;
  if (bytes.size() < size) return std::nullopt;
  Message m;
  m.place = Place::reply;
  m.request = asked->second;
  m.style = extended ? wire::ReplyStyle::extended : wire::ReplyStyle::structured;
  m.chunk = load<uint16_t>(bytes.data() + 6);
  m.done = (load<uint16_t>(bytes.data() + 4) & wire::kReplyFlagDone) != 0;
  if (m.chunk == static_cast<uint16_t>(wire::Chunk::offset_data) && length > 8) {
    m.data_at = header + 8;
    m.data_offset = load<uint64_t>(bytes.data() + header);
  }
  m.bytes = incoming.take(size);
  if (m.done) pending_.erase(asked);
  return m;
}

// A record of TLS: type, version, length; RFC 8446, section 5.1.
std::optional<Message> Conversation::tls_record(Incoming& incoming, bool from_client) {
  const wire::Bytes bytes = incoming.view();
  if (bytes.size() < kTlsHeader) return std::nullopt;
  const auto type = std::to_integer<unsigned>(bytes[0]);
  const auto length = load<uint16_t>(bytes.data() + 3);
  if (type < 20 || type > 24 || length > kMaxTlsRecord)
    return lost(from_client ? client_ : server_);
  if (bytes.size() < kTlsHeader + length) return std::nullopt;
  Message m;
  m.place = Place::tls_record;
  m.from_client = from_client;
  m.bytes = incoming.take(kTlsHeader + length);
  return m;
}

}  // namespace testkit::proxy
