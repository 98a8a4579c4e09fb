// SPDX-License-Identifier: BSD-3-Clause
#include "run/nbd-session.hpp"

#include <algorithm>

#include "base/error.hpp"

namespace testkit {

namespace {

// libnbd's error of the call that has just failed in this thread.
Outcome last_error() {
  const char* message = nbd_get_error();
  return {Outcome::End::error, nbd_get_errno(), message != nullptr ? message : "unknown error"};
}

Outcome not_finished(Wake wake) {
  return {wake == Wake::timeout ? Outcome::End::timeout : Outcome::End::interrupted, 0, ""};
}

int start_to_connect(nbd_handle* h, const Endpoint& endpoint) {
  switch (endpoint.transport) {
    case Transport::tcp:
      return nbd_aio_connect_tcp(h, endpoint.host.c_str(), std::to_string(endpoint.port).c_str());
    case Transport::vsock: return nbd_aio_connect_vsock(h, endpoint.cid, endpoint.port);
    case Transport::unix_socket: break;
  }
  return nbd_aio_connect_unix(h, endpoint.path.c_str());
}

int note_extents(void* user_data, const char* context, uint64_t, uint32_t* entries,
                 size_t nr_entries, int*) {
  auto& sent = *static_cast<Sent*>(user_data);
  if (sent.request.context != context) return 0;
  for (size_t i = 0; i + 1 < nr_entries; i += 2)
    sent.extents.push_back({entries[i], entries[i + 1]});
  return 0;
}

int note_chunk(void* user_data, const void*, size_t count, uint64_t, unsigned status, int*) {
  static_cast<Sent*>(user_data)->chunks.push_back({count, status});
  return 0;
}

}  // namespace

NbdSession::NbdSession(const Interrupt& interrupt) : interrupt_(interrupt), handle_(nbd_create()) {
  if (handle_ == nullptr) nbd::fail("libnbd: {}", nbd_get_error());
}

bool NbdSession::connected() const { return nbd_aio_is_ready(handle_.get()) == 1; }

// Waits for the socket once and lets libnbd go on.
Outcome NbdSession::turn(const Deadline& deadline) {
  nbd_handle* h = handle_.get();
  const int fd = nbd_aio_get_fd(h);
  if (fd < 0) return last_error();
  const unsigned direction = nbd_aio_get_direction(h);
  const bool reads = (direction & LIBNBD_AIO_DIRECTION_READ) != 0;
  const bool writes = (direction & LIBNBD_AIO_DIRECTION_WRITE) != 0;
  pollfd p{fd, static_cast<short>((reads ? POLLIN : 0) | (writes ? POLLOUT : 0)), 0};
  if (const Wake wake = wait_any({&p, 1}, deadline, interrupt_); wake != Wake::ready) {
    return not_finished(wake);
  }
  // An error of the socket is found by the read or write that meets it.
  constexpr short kTrouble = POLLERR | POLLHUP | POLLNVAL;
  int result = 0;
  if (reads && (p.revents & (POLLIN | kTrouble)) != 0) {
    result = nbd_aio_notify_read(h);
  } else if (writes && (p.revents & (POLLOUT | kTrouble)) != 0) {
    result = nbd_aio_notify_write(h);
  }
  return result == -1 ? last_error() : Outcome{};
}

Outcome NbdSession::wait_while(int (*condition)(nbd_handle*), const Deadline& deadline) {
  while (condition(handle_.get()) == 1) {
    if (Outcome outcome = turn(deadline); !outcome.ok()) return outcome;
  }
  return {};
}

Outcome NbdSession::connect(const Endpoint& endpoint, const std::string& export_name,
                            const Connect& settings, const Deadline& deadline) {
  nbd_handle* h = handle_.get();
  bool failed = nbd_set_export_name(h, settings.export_name.value_or(export_name).c_str()) == -1 ||
                nbd_set_request_structured_replies(h, settings.structured_replies) == -1 ||
                nbd_set_opt_mode(h, settings.opt_mode) == -1;
  if (settings.full_info) failed |= nbd_set_full_info(h, *settings.full_info) == -1;
  if (settings.pread_initialize) {
    failed |= nbd_set_pread_initialize(h, *settings.pread_initialize) == -1;
  }
  if (settings.request_block_size) {
    failed |= nbd_set_request_block_size(h, *settings.request_block_size) == -1;
  }
  if (settings.strict) failed |= nbd_set_strict_mode(h, *settings.strict) == -1;
  if (settings.handshake_flags)
    failed |= nbd_set_handshake_flags(h, *settings.handshake_flags) == -1;
  failed |= nbd_set_tls(h, static_cast<int>(settings.tls)) == -1;
  if (!settings.tls_certificates.empty()) {
    failed |= nbd_set_tls_certificates(h, settings.tls_certificates.c_str()) == -1;
  }
  if (!settings.tls_psk_file.empty()) {
    failed |= nbd_set_tls_psk_file(h, settings.tls_psk_file.c_str()) == -1;
  }
  if (!settings.tls_username.empty()) {
    failed |= nbd_set_tls_username(h, settings.tls_username.c_str()) == -1;
  }
  if (settings.tls_verify_peer) {
    failed |= nbd_set_tls_verify_peer(h, *settings.tls_verify_peer) == -1;
  }
  for (const std::string& context : settings.contexts) {
    failed |= nbd_add_meta_context(h, context.c_str()) == -1;
  }
  if (failed) return last_error();
  if (start_to_connect(h, endpoint) == -1) return last_error();
  if (Outcome outcome = wait_while(nbd_aio_is_connecting, deadline); !outcome.ok()) return outcome;
  if (connected() || nbd_aio_is_negotiating(h) == 1) return {};
  return {Outcome::End::error, 0, fmt::format("not connected: {}", nbd_connection_state(h))};
}

Outcome NbdSession::option(const Option& option, const Deadline& deadline) {
  nbd_handle* h = handle_.get();
  option_ = {};
  nbd_completion_callback completion{};
  completion.user_data = &option_;
  completion.callback = [](void* replies, int* error) {
    static_cast<OptionReplies*>(replies)->errnum = *error;
    return 0;
  };
  nbd_list_callback list{};
  list.user_data = &option_;
  list.callback = [](void* replies, const char* name, const char*) {
    static_cast<OptionReplies*>(replies)->exports.emplace_back(name);
    return 0;
  };
  nbd_context_callback contexts{};
  contexts.user_data = &option_;
  contexts.callback = [](void* replies, const char* name) {
    static_cast<OptionReplies*>(replies)->exports.emplace_back(name);
    return 0;
  };
  if (option.export_name && nbd_set_export_name(h, option.export_name->c_str()) == -1) {
    return last_error();
  }
  int started = 0;
  switch (option.kind) {
    case Option::Kind::list: started = nbd_aio_opt_list(h, list, completion); break;
    case Option::Kind::info: started = nbd_aio_opt_info(h, completion); break;
    case Option::Kind::go: started = nbd_aio_opt_go(h, completion); break;
    case Option::Kind::list_contexts:
      started = nbd_aio_opt_list_meta_context(h, contexts, completion);
      break;
    case Option::Kind::abort: started = nbd_aio_opt_abort(h); break;
  }
  if (started == -1) return last_error();
  if (Outcome outcome = wait_while(nbd_aio_is_connecting, deadline); !outcome.ok()) return outcome;
  if (option_.errnum == 0) return {};
  return {Outcome::End::error, option_.errnum,
          "the server refused: " + nbd::errno_text(option_.errnum)};
}

Outcome NbdSession::disconnect(const Deadline& deadline) {
  nbd_handle* h = handle_.get();
  if (nbd_aio_disconnect(h, 0) == -1) return last_error();
  while (nbd_aio_is_closed(h) != 1 && nbd_aio_is_dead(h) != 1) {
    if (Outcome outcome = turn(deadline); !outcome.ok()) return outcome;
  }
  return {};
}

// False if libnbd refuses it; its outcome then says why.
bool NbdSession::send(Sent& sent) {
  nbd_handle* h = handle_.get();
  const Request& r = sent.request;
  void* data = sent.buffer.data();
  const nbd_completion_callback none = NBD_NULL_COMPLETION;
  switch (r.op) {
    case Request::Op::read:
      if (r.in_chunks) {
        nbd_chunk_callback chunk{};
        chunk.callback = note_chunk;
        chunk.user_data = &sent;
        sent.cookie = nbd_aio_pread_structured(h, data, r.length, r.offset, chunk, none, r.flags);
        break;
      }
      sent.cookie = nbd_aio_pread(h, data, r.length, r.offset, none, r.flags);
      break;
    case Request::Op::write:
      sent.cookie = nbd_aio_pwrite(h, data, r.length, r.offset, none, r.flags);
      break;
    case Request::Op::flush: sent.cookie = nbd_aio_flush(h, none, r.flags); break;
    case Request::Op::trim: sent.cookie = nbd_aio_trim(h, r.length, r.offset, none, r.flags); break;
    case Request::Op::zero: sent.cookie = nbd_aio_zero(h, r.length, r.offset, none, r.flags); break;
    case Request::Op::cache:
      sent.cookie = nbd_aio_cache(h, r.length, r.offset, none, r.flags);
      break;
    case Request::Op::block_status: {
      nbd_extent_callback extents{};
      extents.callback = note_extents;
      extents.user_data = &sent;
      sent.cookie = nbd_aio_block_status(h, r.length, r.offset, extents, none, r.flags);
      break;
    }
  }
  if (sent.cookie == -1) sent.outcome = last_error();
  return sent.cookie != -1;
}

// Requests are retired by hand: the check for a reply with bytes missing is in
// nbd_aio_command_completed() only.
void NbdSession::retire(const Done& done) {
  for (auto it = in_flight_.begin(); it != in_flight_.end();) {
    Sent& sent = **it;
    const int completed =
        nbd_aio_command_completed(handle_.get(), static_cast<uint64_t>(sent.cookie));
    if (completed == 0) {
      ++it;
      continue;
    }
    sent.outcome = completed == 1 ? Outcome{} : last_error();
    done(sent);
    it = in_flight_.erase(it);
  }
}

Outcome NbdSession::perform(unsigned in_flight, const Next& next, const Done& done,
                            const Deadline& deadline) {
  for (bool more = true;;) {
    while (more && in_flight_.size() < in_flight) {
      std::unique_ptr<Sent> sent = next();
      if (sent == nullptr) {
        more = false;
      } else if (!send(*sent)) {
        done(*sent);
      } else {
        in_flight_.push_back(std::move(sent));
      }
    }
    retire(done);
    if (in_flight_.empty()) {
      if (!more) return {};
      continue;
    }
    // A connection that is lost ends its requests; they are retired above.
    Outcome outcome = turn(deadline);
    if (!outcome.finished()) return outcome;
    if (outcome.end == Outcome::End::error) {
      retire(done);
      if (!in_flight_.empty() || nbd_aio_is_dead(handle_.get()) != 1) return outcome;
    }
  }
}

}  // namespace testkit
