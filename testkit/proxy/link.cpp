// SPDX-License-Identifier: BSD-3-Clause
#include "proxy/link.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <thread>

#include "base/error.hpp"
#include "base/log.hpp"
#include "wire/messages.hpp"

namespace testkit::proxy {

namespace {

using namespace std::chrono_literals;

constexpr size_t kReceive = 256 << 10;
// A message that was to go behind others goes alone when none has come for so long.
constexpr Duration kNoneToWaitFor = 200ms;
// So that segments of a split do not grow together on their way.
constexpr Duration kBetweenSegments = 100us;
// How long a client has to notice our FIN, before its unread bytes make it a RST.
constexpr Duration kGoodbye = 2s;

}  // namespace

Link::Link(nbd::Fd client, nbd::Fd server, uint64_t number, Faults& faults, Trace& trace,
           const Interrupt& quit, const TlsCredentials* tls, WrittenDisk* written)
    : client_(std::move(client)),
      server_(std::move(server)),
      number_(number),
      faults_(faults),
      trace_(trace),
      quit_(quit),
      over_(nbd::sys([] { return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK); }, "eventfd")),
      credentials_(tls),
      written_(written) {}

void Link::run() {
  say("connected");
  open();
  Direction up{true, client_.get(), server_.get(), &server_lock_, &client_lock_, {}, {}, {}, 0};
  Direction down{false, server_.get(), client_.get(), &client_lock_, &server_lock_, {}, {}, {}, 0};
  if (!cut_) {
    const std::jthread other([&] { pump(up); });
    pump(down);
  }
  close_sockets();
}

// Faults at the connection itself.
void Link::open() {
  Message m;
  m.place = Place::connection;
  m.from_client = true;
  const auto fired = faults_.fire(m, number_);
  if (fired.empty()) return;
  Delivery delivery = deliver(m, faults_.rules(), fired, nbd::wire::ReplyStyle::simple);
  note(m, fired, delivery);
  Direction up{true, client_.get(), server_.get(), &server_lock_, &client_lock_, {}, {}, {}, 0};
  carry_out(up, delivery);
}

// ---- One direction

void Link::pump(Direction& d) noexcept {
  try {
    while (pass_messages(d) && receive(d)) continue;
    release(d, true);
    // The end of one side is told to the other, which may still have something to say.
    ::shutdown(d.to, SHUT_WR);
  } catch (const std::exception& e) {
    say(e.what());
    cut(false);
  }
  const std::lock_guard lock(mutex_);
  changed_.notify_all();
}

// All that are here whole. False if the connection is over.
bool Link::pass_messages(Direction& d) {
  for (;;) {
    std::vector<Fired> fired;
    Delivery delivery;
    const auto message = next(d, fired, delivery);
    if (message) {
      const bool tls = starts_tls(*message) && !delivery.messages.empty();
      if (tls ? !start_tls(d) : !carry_out(d, delivery)) return false;
      continue;
    }
    bool opaque = false, must_wait = false;
    {
      const std::lock_guard lock(mutex_);
      opaque = d.from_client ? conversation_.client_is_opaque() : conversation_.server_is_opaque();
      must_wait = d.from_client && conversation_.client_must_wait();
    }
    if (opaque && d.incoming.size() > 0) {
      const Buffer rest = d.incoming.take(d.incoming.size());
      say(fmt::format("{} bytes of the {} that are not understood", rest.size(),
                      d.from_client ? "client" : "server"));
      if (!send(d.to, *d.to_lock, rest)) return false;
    }
    if (!must_wait || opaque) return true;
    if (!wait_for_server(d)) return false;
  }
}

std::optional<Message> Link::next(Direction& d, std::vector<Fired>& fired, Delivery& delivery) {
  const std::lock_guard lock(mutex_);
  auto m = d.from_client ? conversation_.next_from_client(d.incoming)
                         : conversation_.next_from_server(d.incoming);
  if (!m) return m;
  if (!d.from_client) changed_.notify_all();
  // The rest of a reply that has had its end.
  const auto ended = std::find(ended_replies_.begin(), ended_replies_.end(), m->request.cookie);
  if (m->place == Place::reply && ended != ended_replies_.end()) {
    if (m->done) ended_replies_.erase(ended);
    note(*m, {}, {});
    return m;
  }
  fired = faults_.fire(*m, number_);
  delivery = deliver(*m, faults_.rules(), fired, conversation_.style());
  if (delivery.ends_reply) ended_replies_.push_back(m->request.cookie);
  if (d.from_client && !starts_tls(*m)) {
    for (const Buffer& bytes : delivery.messages) {
      Message sent = *m;
      sent.bytes = bytes;
      conversation_.forwarded(sent);
    }
  }
  if (written_ != nullptr) follow_writes(*m, delivery);
  note(*m, fired, delivery);
  return m;
}

// What reaches the server, and what the server itself says of it.
void Link::follow_writes(const Message& m, const Delivery& delivery) {
  if (m.place == Place::request) {
    for (const Buffer& bytes : delivery.messages) {
      const size_t header = nbd::wire::request_size(m.extended_request);
      if (bytes.size() < header) continue;
      const auto request = nbd::wire::decode_request(bytes.data(), m.extended_request);
      if (request) written_->begin(number_, *request, nbd::wire::Bytes(bytes).subspan(header));
    }
    return;
  }
  if (m.place != Place::reply) return;
  const bool failed = m.chunk == kSimpleReply ? simple_error(m) != 0 : (m.chunk & 0x8000) != 0;
  if (failed || m.done) written_->answered(number_, m.request.cookie, !failed);
}

// An option that the proxy answers itself.
bool Link::starts_tls(const Message& m) const {
  return credentials_ != nullptr && !tls_ && m.place == Place::option &&
         m.option == static_cast<uint32_t>(nbd::wire::Option::starttls);
}

// In the server's place: the reply, then TLS. Rules for both find them here.
bool Link::start_tls(Direction& up) {
  Direction down{false, up.to, up.from, up.from_lock, up.to_lock, {}, {}, {}, 0};
  Message reply;
  reply.place = Place::option_reply;
  reply.option = static_cast<uint32_t>(nbd::wire::Option::starttls);
  reply.option_reply = static_cast<uint32_t>(nbd::wire::OptionReply::ack);
  const auto ack =
      nbd::wire::encode_option_reply(nbd::wire::Option::starttls, nbd::wire::OptionReply::ack, {});
  reply.bytes = {ack.bytes().begin(), ack.bytes().end()};
  Message start;
  start.place = Place::tls_start;
  for (const Message& m : {reply, start}) {
    const auto fired = faults_.fire(m, number_);
    const Delivery delivery = deliver(m, faults_.rules(), fired, nbd::wire::ReplyStyle::simple);
    note(m, fired, delivery);
    if (!carry_out(down, delivery)) return false;
  }
  const std::lock_guard lock(client_lock_);
  tls_.emplace(client_.get(), *credentials_, up.incoming.take(up.incoming.size()));
  bool timed_out = false;
  say(tls_->shake_hands(
      [&](short events) { return ready(client_.get(), events, std::nullopt, timed_out); }));
  return true;
}

bool Link::carry_out(Direction& d, const Delivery& delivery) {
  for (const Buffer& bytes : delivery.back) {
    if (!send(d.from, *d.from_lock, bytes)) return false;
  }
  if (delivery.behind > 0) {
    for (const Buffer& bytes : delivery.messages) d.held.push_back({bytes, delivery.behind});
    return true;
  }
  if (delivery.merged_with > 0 || d.merge_left > 0) {
    for (const Buffer& b : delivery.messages) d.merged.insert(d.merged.end(), b.begin(), b.end());
    d.merge_left = delivery.merged_with > 0 ? delivery.merged_with : d.merge_left - 1;
    return d.merge_left > 0 || release(d, false);
  }
  if (!send_with_stops(d, delivery)) return false;
  return release(d, false);
}

// Those whose turn has come, now that a message has gone by; or all.
bool Link::release(Direction& d, bool all) {
  if (d.merge_left == 0 || all) {
    const Buffer merged = std::exchange(d.merged, {});
    d.merge_left = 0;
    if (!merged.empty() && !send(d.to, *d.to_lock, merged)) return false;
  }
  std::vector<Held> held = std::exchange(d.held, {});
  for (Held& h : held) {
    if (all || --h.left == 0) {
      if (!send(d.to, *d.to_lock, h.bytes)) return false;
    } else {
      d.held.push_back(std::move(h));
    }
  }
  return true;
}

bool Link::send_with_stops(Direction& d, const Delivery& delivery) {
  Buffer all;
  for (const Buffer& b : delivery.messages) all.insert(all.end(), b.begin(), b.end());
  const nbd::wire::Bytes bytes(all);
  size_t sent = 0;
  const auto send_until = [&](size_t end) {
    while (sent < end) {
      const size_t most = delivery.segment == 0 ? end - sent : delivery.segment;
      const size_t count = std::min<size_t>(most, end - sent);
      if (!send(d.to, *d.to_lock, bytes.subspan(sent, count))) return false;
      sent += count;
      if (delivery.segment != 0 && sent < bytes.size() &&
          !pause(std::max(delivery.pause, kBetweenSegments))) {
        return false;
      }
    }
    return true;
  };
  for (const Stop& stop : delivery.stops) {
    if (!send_until(std::min<uint64_t>(stop.at_byte, bytes.size()))) return false;
    switch (stop.kind) {
      case Stop::Kind::pause:
        if (!pause(stop.time)) return false;
        break;
      case Stop::Kind::stall: return pause(std::nullopt);
      case Stop::Kind::alert: alert(stop.alert); break;
      case Stop::Kind::disconnect: cut(stop.reset); return false;
      case Stop::Kind::insert:
        if (!send(d.to, *d.to_lock, stop.bytes)) return false;
        break;
    }
  }
  return send_until(bytes.size());
}

// ---- Sockets

bool Link::receive(Direction& d) {
  thread_local std::vector<std::byte> buffer(kReceive);
  for (;;) {
    const bool waiting = !d.held.empty() || d.merge_left > 0;
    bool timed_out = false;
    TlsSession* tls = tls_of(d.from);
    const bool is_here = tls != nullptr && tls->has_more();
    if (!is_here &&
        !ready(d.from, POLLIN, waiting ? std::optional(kNoneToWaitFor) : std::nullopt, timed_out)) {
      return false;
    }
    if (timed_out) {
      if (!release(d, true)) return false;
      continue;
    }
    const ssize_t n = tls != nullptr ? tls->receive(buffer)
                                     : ::recv(d.from, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (n <= 0) {
      say(fmt::format("the {} {}", d.from_client ? "client" : "server",
                      n == 0 ? "closed its side" : nbd::errno_text(errno)));
      return false;
    }
    d.incoming.add({buffer.data(), static_cast<size_t>(n)});
    return true;
  }
}

// Until what the client says next can be understood. A client that hangs up meanwhile is
// gone.
bool Link::wait_for_server(const Direction& d) {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, 20ms, [&] { return !conversation_.client_must_wait() || cut_; });
      if (cut_) return false;
      if (!conversation_.client_must_wait() || conversation_.client_is_opaque()) return true;
    }
    pollfd p{d.from, POLLRDHUP, 0};
    if (quit_.requested()) return false;
    if (::poll(&p, 1, 0) > 0 && (p.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) {
      say("the client closed its side");
      return false;
    }
  }
}

bool Link::send(int fd, std::mutex& lock, nbd::wire::Bytes bytes) {
  const std::lock_guard guard(lock);
  TlsSession* const tls = tls_of(fd);
  while (!bytes.empty()) {
    const ssize_t n = tls != nullptr
                          ? tls->send(bytes)
                          : ::send(fd, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n >= 0) {
      bytes = bytes.subspan(static_cast<size_t>(n));
      continue;
    }
    bool timed_out = false;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return false;  // it has hung up: its own reader says so
    if (!ready(fd, POLLOUT, std::nullopt, timed_out)) return false;
  }
  return true;
}

// What goes to the client, or comes from it, goes through it.
TlsSession* Link::tls_of(int fd) { return fd == client_.get() && tls_ ? &*tls_ : nullptr; }

void Link::alert(uint8_t number) {
  constexpr std::byte kAlert{21}, kFatal{2};
  const std::array<std::byte, 7> plain{
      kAlert,       std::byte{3}, std::byte{3},     std::byte{0},
      std::byte{2}, kFatal,       std::byte{number}};  // RFC 8446, 5.1 and 6
  {
    const std::lock_guard guard(client_lock_);
    if (tls_) return tls_->alert(number);
  }
  send(client_.get(), client_lock_, plain);
}

// False if the connection is over.
bool Link::ready(int fd, short events, std::optional<Duration> time, bool& timed_out) {
  std::array<pollfd, 2> fds{pollfd{fd, events, 0}, pollfd{over_.get(), POLLIN, 0}};
  const Wake wake = wait_any(fds, Deadline::after_if(time), quit_);
  timed_out = wake == Wake::timeout;
  return wake != Wake::interrupted && fds[1].revents == 0;
}

bool Link::pause(std::optional<Duration> time) {
  // poll() knows milliseconds only.
  if (time && *time < 1ms) {
    std::this_thread::sleep_for(*time);
    time = Duration{0};
  }
  std::array<pollfd, 1> fds{pollfd{over_.get(), POLLIN, 0}};
  return wait_any(fds, Deadline::after_if(time), quit_) == Wake::timeout;
}

// ---- The end

void Link::cut(bool reset) {
  const std::lock_guard lock(mutex_);
  cut_ = true;
  reset_ = reset_ || reset;
  const uint64_t one = 1;
  [[maybe_unused]] const auto n = ::write(over_.get(), &one, sizeof one);
  changed_.notify_all();
}

void Link::close_sockets() {
  if (reset_) {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(client_.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    say("reset");
    return;
  }
  ::shutdown(server_.get(), SHUT_RDWR);
  ::shutdown(client_.get(), SHUT_WR);
  // Bytes that nobody has read would turn the FIN into a RST.
  std::array<std::byte, 4096> rest;
  const Deadline deadline = Deadline::after(kGoodbye);
  for (;;) {
    pollfd p{client_.get(), POLLIN, 0};
    if (wait_any({&p, 1}, deadline, quit_) != Wake::ready) break;
    const ssize_t n = ::recv(client_.get(), rest.data(), rest.size(), MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) break;
  }
  say("closed");
}

void Link::note(const Message& m, const std::vector<Fired>& fired, const Delivery& delivery) {
  TraceEvent e;
  e.connection = number_;
  e.place = m.place;
  e.from_client = m.from_client;
  e.text = describe(m);
  e.bytes = m.bytes.size();
  e.request = m.request;
  for (size_t i = 0; i < fired.size(); ++i) e.faults.push_back({fired[i].rule, delivery.notes[i]});
  trace_.add(std::move(e));
}

void Link::say(std::string text) {
  TraceEvent e;
  e.connection = number_;
  e.text = std::move(text);
  trace_.add(std::move(e));
}

}  // namespace testkit::proxy
