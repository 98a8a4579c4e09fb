// SPDX-License-Identifier: BSD-3-Clause
//
// Follows both directions of a connection and cuts them into messages. What neither side
// may say at that point is not understood from then on: those bytes, and all behind them,
// are passed on as they are.
//
// Replies are told apart by their magic and by the requests that wait for one, so that a
// fault which makes client and server disagree (about structured replies, say) does not
// make the proxy lose its way.
//
// Threads: none of its own; the two directions of a connection call it under one lock.
#pragma once

#include <optional>
#include <unordered_map>

#include "proxy/message.hpp"

namespace testkit::proxy {

// Bytes that have come and are not yet taken.
class Incoming {
 public:
  void add(nbd::wire::Bytes bytes) { bytes_.insert(bytes_.end(), bytes.begin(), bytes.end()); }
  nbd::wire::Bytes view() const { return nbd::wire::Bytes(bytes_).subspan(begin_); }
  size_t size() const { return bytes_.size() - begin_; }
  Buffer take(size_t count);

 private:
  Buffer bytes_;
  size_t begin_ = 0;
};

class Conversation {
 public:
  // The next whole message; nothing if more bytes have to come, or if the other side has
  // to speak first (see client_must_wait).
  std::optional<Message> next_from_client(Incoming& incoming);
  std::optional<Message> next_from_server(Incoming& incoming);
  // Whether such bytes are not understood any more.
  bool client_is_opaque() const { return client_ == Phase::opaque; }
  bool server_is_opaque() const { return server_ == Phase::opaque; }
  // What the client's bytes mean depends on the answer to what it has asked.
  bool client_must_wait() const { return client_ == Phase::start || awaited_ != 0; }

  // This message of the client's is about to reach the server.
  void forwarded(const Message& message);
  // How the server answers requests, as it has agreed to.
  nbd::wire::ReplyStyle style() const { return style_; }
  // Requests that were forwarded and have no whole answer yet.
  size_t pending() const { return pending_.size(); }

 private:
  enum class Phase { start, flags, options, transmission, tls, opaque };

  std::optional<Message> option(Incoming& incoming);
  std::optional<Message> request(Incoming& incoming);
  std::optional<Message> greeting(Incoming& incoming);
  std::optional<Message> option_reply(Incoming& incoming);
  std::optional<Message> reply(Incoming& incoming);
  std::optional<Message> chunk(Incoming& incoming, bool extended);
  std::optional<Message> tls_record(Incoming& incoming, bool from_client);
  std::optional<Message> lost(Phase& phase) {
    phase = Phase::opaque;
    return std::nullopt;
  }

  Phase client_ = Phase::start, server_ = Phase::start;
  uint32_t awaited_ = 0;  // GO or STARTTLS, sent and not answered
  nbd::wire::ReplyStyle style_ = nbd::wire::ReplyStyle::simple;
  bool export_info_next_ = false;
  bool zeroes_ = true;                                        // 124 of them behind the export info
  std::unordered_map<uint64_t, nbd::wire::Request> pending_;  // by cookie
};

}  // namespace testkit::proxy
